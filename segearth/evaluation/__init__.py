"""Measure how well answers and masks fit a manifest, and show it."""
