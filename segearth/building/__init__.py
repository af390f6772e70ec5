"""From masks to a dataset: questions about them, then splits, files and a card (paper, Sec. 3)."""
