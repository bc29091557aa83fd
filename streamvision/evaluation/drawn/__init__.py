"""How like pictures that a network has drawn are to real ones, as sets."""
