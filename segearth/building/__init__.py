"""Build a dataset of masks and questions, stage by stage (paper, Sec. 3 and 7)."""
