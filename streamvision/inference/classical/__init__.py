"""Objects without a network: OpenCV's background models, optical flow, colours and edges, as steps in a row."""
