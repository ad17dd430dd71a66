"""Interaction models that are reached over a network: what they share."""
