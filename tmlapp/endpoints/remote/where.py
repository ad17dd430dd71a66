"""The URL that is opened: a target's own, with the dialect's path where it has none, and a query."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.target import socket_url


def placed(url: str, path: str, query: Mapping[str, str] | None = None) -> str:
    """`url` with `path` where it has none, and with `query` but for the names that it has already.

    Raises:
        AppError: a key stands in the query.
    """
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    known = {name for name, _ in given}
    pairs = given + [(name, value) for name, value in (query or {}).items() if name not in known]
    whole = parts._replace(path=parts.path if parts.path.strip("/") else path, query=urlencode(pairs, quote_via=quote))
    return socket_url(urlunsplit(whole))


def free_query(text: str, secret: Secret | None) -> dict[str, str]:
    """A query string that a person typed, as names and values.

    Raises:
        AppError: it is none, or the key stands in it.
    """
    try:
        pairs = dict(parse_qsl(text.lstrip("?"), keep_blank_values=True, strict_parsing=True)) if text else {}
    except ValueError as error:
        raise AppError(
            "The query string of this endpoint cannot be read.",
            "It consists of NAME=VALUE pairs with & between them.",
            "Write for example text_temperature=0.7&text_topk=25",
        ) from error
    typed = " ".join((text, *pairs.values()))
    if secret and secret.hide(typed) != typed:
        raise AppError(
            "The key stands in the query string of this endpoint.",
            "A URL is written to the logs of every machine that it passes.",
            "Take it out there; it is sent in a header.",
        )
    return pairs
