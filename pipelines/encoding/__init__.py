"""From drawn pictures to video: encoded once, for all who take it."""
