"""What coded pictures and sound say of themselves, read from their bytes."""
