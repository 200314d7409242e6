"""Ground floor: PostgreSQL and files. Knows no rule, no HTTP, no ActivityPub."""
