"""Training: what moves, how fast, and how a run stops and goes on."""
