"""How many calls into the network run at a time on a CPU, and on how many threads: found by a short measurement."""
