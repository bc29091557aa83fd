"""Learning to drive: the drawn drive as an environment of gymnasium, and PPO in it."""
