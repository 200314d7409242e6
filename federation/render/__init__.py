"""Rows to ActivityPub documents: plain dictionaries, and bytes once they are sent or served."""
