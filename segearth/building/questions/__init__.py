"""Stage 3: questions about masks, by templates or a language model (paper, Sec. 3 and 7.3)."""
