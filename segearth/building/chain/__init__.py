"""The whole chain: images in, a dataset out, by a recipe."""
