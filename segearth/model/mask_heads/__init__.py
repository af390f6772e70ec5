"""Mask encoders and decoders in place of Swin and Mask2Former's (paper, Table 6), one a file."""
