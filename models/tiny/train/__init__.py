"""Training, export and evaluation of the tiny model (needs the `train` extra)."""
