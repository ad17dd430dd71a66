"""The session log: write, read, recover, verify, replay, export."""
