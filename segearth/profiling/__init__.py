"""What a picture costs: multiply-adds by part, seconds, bytes; the paper's Figure 5."""
