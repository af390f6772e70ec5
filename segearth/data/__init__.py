"""Records, samples and the pictures they come from."""
