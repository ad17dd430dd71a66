"""Devices and files to micro-turns."""
