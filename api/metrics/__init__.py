"""What the server counts and measures, and `/metrics` (Prometheus)."""
