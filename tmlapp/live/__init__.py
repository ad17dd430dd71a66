"""One running session, without a window."""
