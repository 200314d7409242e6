"""Input that somebody made to do harm, and beside each piece the nearest that must be accepted."""
