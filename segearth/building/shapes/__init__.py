"""Stage 2: masks whose shape can be right (paper, Sec. 3 and 7.3)."""
