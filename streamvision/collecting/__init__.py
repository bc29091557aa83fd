"""Which pictures are worth labelling: those that a model is unsure of, contradicts itself on, or has never seen."""
