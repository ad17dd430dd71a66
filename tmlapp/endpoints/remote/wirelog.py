"""Frames as they are written down: sound and pictures folded, keys and handles masked, size bounded."""

from __future__ import annotations

import hashlib
import re
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, Final, TypeVar
from urllib.parse import quote

from tmlapp.core.secret import MASK, Secret
from tmlapp.endpoints.remote.media import Base64, bytes_of

LONG_CHARS: Final = 256
"""A string of base64 from this length on is sound, a picture or a token: its bytes are not written down."""
MAX_DEPTH: Final = 48
MAX_NODES: Final = 20_000
MAX_TEXT_CHARS: Final = 100_000
SHORTEST_SECRET: Final = 8
"""A shorter key (`test`, `none`) would mask ordinary words, and protects nothing."""

_SECRET_NAMES: Final = frozenset(
    (
        "authorization", "proxyauthorization", "xgoogapikey", "apikey", "xapikey", "resumetoken", "resumptiontoken",
        "sessiontoken", "accesstoken", "authtoken", "refreshtoken", "bearertoken", "handle", "newhandle",
        "clientsecret", "ephemeralkey", "cookie", "setcookie", "password",
    )
)  # fmt: skip
# Python gives the interpreter away while it hashes more than this, and a busy thread keeps it far longer.
_QUIET: Final = 2047
_ALOUD: Final = 2**16
_HEAD: Final = re.compile(r"[A-Za-z0-9+/_-]{64}")
_T = TypeVar("_T")


class Redactor:
    """Knows the key of a session and takes it out of everything that could show it."""

    def __init__(self, secret: Secret | None) -> None:
        value = secret.reveal() if secret else ""
        # Hexadecimal: so the beginning of binary frames is written down.
        others = (quote(value, safe=""), value.encode("unicode_escape").decode("ascii"), value.encode().hex())
        plain = (value, *others) if value else ()
        # Longest first, so that no form is cut open by a shorter one.
        self._forms = tuple(sorted({f for f in plain if len(f) >= SHORTEST_SECRET}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """`text` with the key masked."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
            # Whoever cut the text may have cut the key.
            at = text.rfind(form[:SHORTEST_SECRET], -len(form) - 1)
            if at >= 0 and form.startswith(text[at:].removesuffix("…")):
                text = text[:at] + MASK
        return text

    def value(self, value: _T) -> _T:
        """`value` with the key masked in every string in it; the same object where there is none.

        Events, dataclasses, dictionaries and sequences are looked through; bytes are not.
        """
        return self._hidden(value, 0) if self._forms else value

    def changes(self, holder: Any) -> dict[str, Any]:
        """The members of the dataclass `holder` in which the key is masked; empty where there is none."""
        if not self._forms:
            return {}
        changed = {}
        for name in member_names(type(holder)):
            old = getattr(holder, name)
            if type(old) in _PLAIN:
                continue
            new = self._hidden(old, 1)
            if new is not old:
                changed[name] = new
        return changed

    def _hidden(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if type(value) in _PLAIN or depth > MAX_DEPTH:
            return value
        if isinstance(value, dict):
            shown = {self._hidden(k, depth + 1): self._hidden(v, depth + 1) for k, v in value.items()}
            return shown if shown != value else value
        if isinstance(value, list | tuple):
            items = [self._hidden(v, depth + 1) for v in value]
            same = all(a is b for a, b in zip(items, value, strict=True))
            return value if same else type(value)(items)
        if is_dataclass(value) and not isinstance(value, type):
            changed = self.changes(value)
            return replace(value, **changed) if changed else value
        return value


_PLAIN: Final = frozenset((type(None), bool, int, float, bytes))


def member_names(cls: Any) -> tuple[str, ...]:
    """Names of the members of the dataclass `cls`."""
    return _names_of(cls)


@lru_cache(maxsize=256)
def _names_of(cls: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls))


class Folder:
    """Makes the JSON value that stands in the wire log for one message after the other."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._nodes = 0
        self._chars = 0

    def fold(self, message: Any) -> Any:
        """`message` with media as `{"bytes", "sha256"}`, secrets masked, and cut where it is deep or endless."""
        self._nodes = 0
        self._chars = 0
        return self._fold(message, 0)

    def _fold(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            # Not every reader of a recording knows NaN.
            return value if value - value == 0 else str(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return folded_bytes(value)
        self._nodes += 1
        if depth >= MAX_DEPTH or self._nodes > MAX_NODES:
            return "…"
        if isinstance(value, dict):
            return self._dict(value, depth)
        if isinstance(value, list | tuple):
            room = MAX_NODES - self._nodes
            self._nodes += len(value)
            kept = [self._fold(v, depth + 1) for v in value[: max(0, room)]]
            return kept if len(value) <= room else [*kept, f"… {len(value) - len(kept)} more"]
        return self._text(str(value))

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, member in value.items():
            if self._nodes > MAX_NODES:
                shown["…"] = f"{len(value) - len(shown)} more"
                break
            self._nodes += 1
            name = str(key)
            name = self._redactor.text(name) if len(name) < LONG_CHARS else "…"
            if isinstance(member, str) and len(member) < LONG_CHARS:
                self._chars += len(member)
                shown[name] = MASK if member and _is_secret(name) else self._redactor.text(member)
            else:
                shown[name] = MASK if member and _is_secret(name) else self._fold(member, depth + 1)
        return shown

    def _text(self, text: str) -> Any:
        if len(text) >= LONG_CHARS:
            media = folded_base64(text)
            if media is not None:
                return media
            # First the key, then the cut: half a key is not found any more.
            text = self._redactor.text(text)
            room = MAX_TEXT_CHARS - self._chars
            if len(text) > room:
                text = text[: max(0, room)] + f"… {len(text) - max(0, room)} characters more"
        self._chars += len(text)
        return self._redactor.text(text)


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return name.lower().replace("_", "").replace("-", "") in _SECRET_NAMES


def folded_bytes(data: bytes | bytearray | memoryview) -> dict[str, Any]:
    """`{"bytes": length, "sha256": hex}` of `data`."""
    digest = hashlib.sha256()
    view = memoryview(data)
    if len(data) > _ALOUD:
        digest.update(view)
    else:
        for at in range(0, len(data), _QUIET):
            digest.update(view[at : at + _QUIET])
    return {"bytes": len(data), "sha256": digest.hexdigest()}


def folded_base64(text: str) -> dict[str, Any] | None:
    """What stands for a long base64 string (standard or URL-safe, or a data URI): its decoded length and hash.

    None where `text` is no base64.
    """
    if isinstance(text, Base64):
        return folded_bytes(text.data)
    kind = ""
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            return None
        kind = head[5:-7]
    if not _HEAD.match(text):
        return None
    try:
        folded = folded_bytes(bytes_of(text))
    except ValueError:
        return None
    return folded | {"type": kind[:80]} if kind else folded


def described_frame(frame: str | bytes, redactor: Redactor) -> Any:
    """A frame that was not understood: its first 200 characters or bytes."""
    if isinstance(frame, str):
        return {"text": redactor.text(frame[:1000])[:200], "chars": len(frame)}
    return folded_bytes(frame) | {"begins": bytes(frame[:16]).hex()}
