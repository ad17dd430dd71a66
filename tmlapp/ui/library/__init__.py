"""The Library workspace: every recording, run and set of items, found, shown, moved, tagged."""
