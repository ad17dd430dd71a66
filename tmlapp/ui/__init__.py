"""Windows and widgets; the only room that knows Qt."""
