"""The Review workspace: one recording, or two of the same input, on one time axis."""
