"""Training: from labelled pictures to weights in a run folder."""
