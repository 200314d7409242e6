"""Mirrors the floors: the tests of storage/db.py are in tests/storage/test_db.py."""
