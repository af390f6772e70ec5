"""Released checkpoints into ours, and ours into the authors'; nothing is lost on the way."""
