"""Stage 4: people look at every record (paper, Sec. 3)."""
