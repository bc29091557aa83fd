"""Streams on the machines of a Ray cluster, behind one page: which machine runs which, and what becomes of them."""
