"""Stage 1: candidate masks (paper, Sec. 3 and 7.2)."""
