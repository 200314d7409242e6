"""The edge to other servers: ActivityPub."""
