"""How many events of each kind there were, by hours and by minutes."""
