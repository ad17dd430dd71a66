"""The virtual sound card, for this room's device tests."""

from tests.vdesk.fixture import virtual_desk

__all__ = ["virtual_desk"]
