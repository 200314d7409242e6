"""Incoming documents to frozen values, or a typed refusal. Plain JSON: no JSON-LD is processed."""
