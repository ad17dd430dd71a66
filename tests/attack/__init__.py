"""Attacks: what real users and real machines do to the program."""
