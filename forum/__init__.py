"""Rules and use cases. Knows no HTTP, HTML pages, JSON-LD or SQL."""
