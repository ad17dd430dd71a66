"""One module per kind of interaction model."""
