"""One file per runtime that executes a model; :func:`open_backend` picks by the file's own kind."""
