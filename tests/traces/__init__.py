"""Recorded sessions of real services, replayed to our adapters: `python -m tests.traces FILE…`."""
