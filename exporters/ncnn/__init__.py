"""From a network to NCNN's two files, by the converter of its own authors."""
