"""How good sentences about pictures are: their words, and what they say."""
