"""Streams on several machines: what happens when one is lost, and how much more several do than one."""
