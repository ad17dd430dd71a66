"""Adapters against programs that other projects wrote, over real sockets on loopback (make conformance)."""
