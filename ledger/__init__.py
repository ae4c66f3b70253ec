"""What happened to every token family, and what may happen next."""
