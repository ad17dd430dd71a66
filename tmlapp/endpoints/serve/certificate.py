"""The names in a certificate, as a client will see them: by a handshake in memory."""

from __future__ import annotations

import ssl
from pathlib import Path

_STEPS = 6
"""Flights of a handshake, with room to spare."""


def names_in(certificate: Path, server: ssl.SSLContext) -> tuple[str, ...]:
    """Host names and addresses (subjectAltName) of the PEM file `certificate`, which `server` has loaded.

    Names with a star are left out: they are no address. Empty also where a client would not take the certificate.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # The certificate of the server alone is trusted, whoever has signed it.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client.load_verify_locations(certificate)
        ours, theirs = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
        for _ in range(_STEPS):
            for side in (ours, theirs):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        shown = ours.getpeercert() or {}
    except (ssl.SSLError, ValueError):
        return ()
    pairs = [(str(pair[0]), str(pair[1])) for pair in shown.get("subjectAltName", ())]
    return tuple(name for kind, name in pairs if kind in ("DNS", "IP Address") and "*" not in name)
