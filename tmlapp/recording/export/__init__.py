"""A recording in formats that other programs open."""
