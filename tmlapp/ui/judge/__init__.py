"""Judging by people: the panel beside a recording, packets, agreement."""
