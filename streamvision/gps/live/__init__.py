"""Positions while we look: of the gpsd program, or of sentences that arrive by UDP."""
