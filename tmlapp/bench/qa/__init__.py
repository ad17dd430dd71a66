"""Checklists for testers: read, run live, checked live and offline by the same fold, reported."""
