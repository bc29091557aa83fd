"""What happens to a frame behind the network, in order: one folder or file a stage."""
