"""Sealed events by what they are found by, and reading them page by page."""
