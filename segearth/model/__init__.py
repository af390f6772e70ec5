"""SegEarth: a language model that answers, and a mask head that draws what it answers."""
