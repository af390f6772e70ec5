"""Rasters, map coordinates, windows and outlines; no torch in here."""
