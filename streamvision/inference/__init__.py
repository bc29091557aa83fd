"""Pictures in, predictions out: model cards, backends, heads, preprocessing, NMS, and the Model that joins them."""
