"""Speed and size, measured: `python -m tests.perf [--quick] [NAME…]` prints one JSON line per figure."""
