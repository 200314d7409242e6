"""What stops a command before it starts: one line for the person at the keyboard."""

from __future__ import annotations


class StartError(Exception):
    """The message says what is wrong and what to do; the command line prints it and exits 2."""
