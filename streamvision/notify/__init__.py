"""Tells others what happened: by rules, to targets, through spools that outlive an outage."""
