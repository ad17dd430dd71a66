"""Readers of annotation files, as their authors publish them."""
