"""Benchmarks: suites, graders, reports."""
