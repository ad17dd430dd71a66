"""Typed settings, paths and profiles."""
