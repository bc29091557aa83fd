"""Parts of networks that exports add around the model: feeding, scaling and choosing boxes, for every target."""
