"""Public weights, found by name and put into our parts; a file a source."""
