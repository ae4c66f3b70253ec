"""Removing months of events once they are exported, verified and old enough."""
