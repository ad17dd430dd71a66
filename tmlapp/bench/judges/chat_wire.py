"""Reading what OpenAI-compatible services send, and where they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tmlapp.core.errors import AppError

_REFUSING = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|not permitted|not allowed|extra|unexpected", re.I
)


class Refused(Exception):  # noqa: N818 - sent again without it
    """The service does not take the parameter `name`; `instead` is what it may take, or empty."""

    def __init__(self, name: str, instead: str) -> None:
        super().__init__(name)
        self.name = name
        self.instead = instead


def refused_parameter(param: str, message: str, sent: Mapping[str, Any]) -> Refused | None:
    """Which of the sent parameters the service does not take."""
    named = [name for name in sent if param == name or (not param and re.search(rf"\b{name}\b", message))]
    if not named or not (param or _REFUSING.search(message)):
        return None
    name = named[0]
    return Refused(name, "max_completion_tokens" if name == "max_tokens" else "")


def error_of(text: str) -> tuple[str, str, str]:
    """Code, parameter and message of an error body; services differ in its form."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return "", "", text.strip()
    error = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return "", "", str(error)
    message = error.get("message") or error.get("detail") or text
    return str(error.get("code") or ""), str(error.get("param") or ""), str(message)


def text_of(content: Any) -> str:
    """The text of a message: a string, a list of parts, or nothing at all."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def address(url: str) -> tuple[str, str]:
    """Full address of the chat endpoint, and host with port.

    Raises:
        AppError: it is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise AppError(
            "The address of the judge is not valid.",
            "It must begin with http:// or https://, and hold no user name or password.",
            "Give one like http://localhost:11434/v1, and the key in an environment variable.",
        )
    path = parts.path.rstrip("/") or "/v1"
    path = path if path.endswith("/chat/completions") else path + "/chat/completions"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    host += f":{port}" if port else ""
    return f"{parts.scheme}://{host}{path}", host


def key_from(name: str, environ: Mapping[str, str]) -> str:
    """The key in the variable `name`; empty for an empty name.

    Raises:
        AppError: it holds none.
    """
    if not name:
        return ""
    key = environ.get(name, "").strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise AppError(
            f"The environment variable {name} holds no key.",
            "It is not set, empty, or holds characters that no key has.",
            "Set it before you start, or name another one with key_env.",
        )
    return key


def tokens_of(usage: Any) -> tuple[int, int] | None:
    """Tokens of prompt and reply; None where the service does not say."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if isinstance(prompt, int) and isinstance(completion, int) and min(prompt, completion) >= 0:
        return prompt, completion
    return None
