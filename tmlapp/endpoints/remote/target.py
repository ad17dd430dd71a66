"""Addresses of remote endpoints: `MODEL`, `URL` or `MODEL@URL` after the kind; URLs carry no key and no login."""

from __future__ import annotations

import ipaddress
import json
import re
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from tmlapp.core.errors import AppError
from tmlapp.endpoints.remote.contract import Dialect, Option, Target

_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_URL = re.compile(r"(?i)(?:wss?|https?)://")
_MODEL_AT_URL = re.compile(r"(?i)(?P<model>.+?)@(?P<url>(?:wss?|https?)://.*)")
_BARE_HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}(?:/.*)?")
_OTHER_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_KEY_NAMES = frozenset(
    ("key", "sig", "signature", "password", "passwd", "pwd", "auth", "authorization", "bearer", "credential", "jwt")
)
_KEY_ENDS = ("apikey", "key", "token", "secret", "password", "credential", "credentials")
_KEY_SHAPES = re.compile(r"\b(?:sk-[\w-]{8,}|AIza[\w-]{16,}|eyJ[\w-]{16,}|ek_[\w-]{8,})")


def read_target(dialect: Dialect, text: str) -> Target:
    """The target that stands after the kind in an address; its secret is not looked up here.

    Raises:
        AppError: the URL is none, is not allowed, or carries what must not stand in a URL.
    """
    url, model = "", text
    if _URL.match(text):
        url, model = text, ""
    elif found := _MODEL_AT_URL.fullmatch(text):
        url, model = found["url"], found["model"]
    elif _OTHER_SCHEME.match(text):
        raise _bad_url(text, "Only ws, wss, http and https are spoken.")
    elif _BARE_HOST.fullmatch(text):
        raise _bad_url(text, "It looks like a host, but without ws:// or wss:// it would be taken for a model.")
    url = socket_url(url) if url else ""
    return Target(
        kind=dialect.kind,
        address=f"{dialect.kind}:{text}",
        name=model or (host_of(url) if url else dialect.title),
        url=url,
        model=model,
    )


def socket_url(url: str) -> str:
    """`url` as one of a WebSocket: `http` becomes `ws`, `https` `wss`.

    Raises:
        AppError: it is no such URL, it carries a key or a login, or it is unencrypted and leaves this machine.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise _bad_url(url, "It is not a URL.") from error
    scheme = _SCHEMES.get(parts.scheme.lower())
    if scheme is None or not host:
        raise _bad_url(url, "It needs ws:// or wss:// and a host.")
    if port == 0:
        raise _bad_url(url, "There is no port 0.")
    if any(c.isspace() or not c.isprintable() for c in url):
        raise _bad_url(url, "There is a space or a control character in it.")
    if parts.username is not None or parts.password is not None:
        raise _bad_url(url, "It carries a login.", "Keys and logins never stand in a URL: keep the key in a profile.")
    if (name := _key_parameter(parts)) is not None:
        raise _bad_url(url, f"It carries a key ({name}).", "Keep the key in a profile or an environment variable.")
    if parts.fragment:
        raise _bad_url(url, "A # has no meaning in the URL of a socket.")
    if scheme == "ws" and not is_loopback(host):
        raise _bad_url(
            url,
            "What is said and seen would go over the network unencrypted.",
            "Use wss://; ws:// is for 127.0.0.1, ::1 and localhost.",
        )
    return urlunsplit(parts._replace(scheme=scheme))


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: 127.0.0.1, ::1 or localhost."""
    return host.strip("[]").lower() in ("127.0.0.1", "::1", "localhost")


def host_of(url: str) -> str:
    """Host and, where it is given, port of `url`, as a person reads it; empty where it is no URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    shown = f"[{host}]" if _is_v6(host) else host
    return f"{shown}:{port}" if port else shown


def check_options(dialect: Dialect, target: Target) -> None:
    """Raises AppError where an option is not known or its value is none of its kind."""
    known = {option.name: option for option in dialect.options}
    for name, value in target.options.items():
        if name not in known:
            raise AppError(
                f"{dialect.title} has no option “{name}”.",
                f"It has: {', '.join(known) or 'none'}.",
                "Take it out of the profile, or correct its name.",
            )
        if value and (why := _bad_value(known[name], value)):
            raise AppError(f"The option “{name}” cannot be “{value[:80]}”.", why, known[name].help)


def _bad_value(option: Option, value: str) -> str:
    """Why `value` is none of the kind of `option`; empty where it is."""
    match option.kind:
        case "choice" if value not in option.choices:
            return f"It is one of {', '.join(option.choices)}."
        case "flag" if value not in ("on", "off"):
            return "It is on or off."
        case "number":
            return "" if _is_number(value) else "It is a number."
        case "json":
            return "" if _is_object(value) else "It is a JSON object."
        case _:
            return ""


def _is_number(value: str) -> bool:
    try:
        return abs(float(value)) < float("inf")
    except ValueError:
        return False


def _is_object(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False


def _is_v6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _key_parameter(parts: SplitResult) -> str | None:
    """The name of a query parameter that carries a key, or of the place where one stands."""
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        if plain in _KEY_NAMES or plain.endswith(_KEY_ENDS):
            return name[:40]
        if _KEY_SHAPES.search(value) or _KEY_SHAPES.search(name):
            return "a value that looks like one"
    return "a part that looks like one" if _KEY_SHAPES.search(parts.path) else None


def shown_url(url: str) -> str:
    """`url` without anything that might be secret: no login, no query, no fragment, nothing that looks like a key."""
    head, _, _ = url.partition("#")
    head, _, _ = head.partition("?")
    scheme, colon, rest = head.partition("://")
    authority, slash, path = rest.partition("/")
    bare = f"{scheme}{colon}{authority.rpartition('@')[2]}{slash}{path}"
    return _KEY_SHAPES.sub("…", bare)[:200]


def _bad_url(url: str, why: str, fix: str = "Write for example ws://127.0.0.1:8765 or wss://host/path.") -> AppError:
    return AppError(f"“{shown_url(url)}” cannot be the address of an endpoint.", why, fix)
