"""The nouns: values and pure functions, no I/O, no threads, no Qt."""
