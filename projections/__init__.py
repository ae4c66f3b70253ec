"""Read models, each rebuildable from events."""
