"""Where a session of the family is opened: a URL of a person, completed by what the protocol knows."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_SCHEMES = {"http": "ws", "https": "wss"}


def session_url(url: str, path: str, query: Mapping[str, str]) -> str:
    """`url` with `path` where it has none, and with what `query` says and it does not say itself."""
    parts = urlsplit(url)
    said = dict(parse_qsl(parts.query, keep_blank_values=True))
    whole = said | {name: value for name, value in query.items() if value and name not in said}
    return urlunsplit(
        (
            _SCHEMES.get(parts.scheme, parts.scheme),
            parts.netloc,
            parts.path if parts.path.strip("/") else path,
            urlencode(whole, quote_via=quote),
            "",
        )
    )
