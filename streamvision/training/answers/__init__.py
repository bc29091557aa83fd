"""Networks with several answers of each picture: a class and numbers, learnt at once from one table."""
