"""The catalogue of recordings, runs and item sets: a cache in SQLite, rebuilt from the files at any time."""
