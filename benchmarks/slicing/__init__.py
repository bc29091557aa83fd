"""What slicing finds of small objects on 4K pictures, and what it costs; see ``__main__``."""
