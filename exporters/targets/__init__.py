"""What a model can be exported to, one file per format."""
