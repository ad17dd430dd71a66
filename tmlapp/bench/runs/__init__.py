"""Runs: a benchmark driven through live sessions, kept in a folder that says everything needed to repeat it."""
