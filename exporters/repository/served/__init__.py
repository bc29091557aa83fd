"""Code that servers run: these files are copied into a repository as they are, and import nothing of this project."""
