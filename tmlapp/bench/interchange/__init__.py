"""Tiers of labelled times as other programs read and write them: Praat, ELAN, WebVTT, CSV."""
