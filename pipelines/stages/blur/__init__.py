"""Faces and number plates, made unreadable before anything is shown, kept or sent."""
