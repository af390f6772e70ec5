"""Stage 5: a dataset split by scene, with its card."""
