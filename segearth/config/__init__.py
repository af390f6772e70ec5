"""Recipes: what a run is made of."""
