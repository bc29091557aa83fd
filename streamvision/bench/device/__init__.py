"""Proves on one machine what is promised of it: each check in a process of its own, one page about all of them."""
