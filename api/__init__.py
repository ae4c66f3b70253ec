"""GraphQL and HTTP, settings, command line: the only place that composes."""
