"""One module per benchmark; each names its files in `KINDS`."""
