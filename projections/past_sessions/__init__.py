"""Sessions as they were at a moment of the past, read from their events."""
