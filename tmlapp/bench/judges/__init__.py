"""Judges: who decides what a program cannot. Timing is never theirs."""
