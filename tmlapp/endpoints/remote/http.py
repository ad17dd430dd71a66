"""One GET before the session, for protocols that ask a server what it can do."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from tmlapp.core.errors import AppError
from tmlapp.endpoints.remote.contract import Answer
from tmlapp.endpoints.remote.errors import fix_for, socket_error
from tmlapp.endpoints.remote.target import host_of, is_loopback

MAX_BODY_BYTES = 2**20


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Any status is an answer. Follows nowhere: the headers that carry the key would go along."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:  # noqa: ARG002 - the library's form
        return response

    https_response = http_response


def fetch(url: str, headers: Mapping[str, str], *, timeout_s: float = 10.0) -> Answer:
    """GET `url` (http or https); any status is an answer, at most `MAX_BODY_BYTES` of its body are read.

    Raises:
        AppError: nothing answers.
    """
    host = urlsplit(url).hostname or ""
    handlers: list[urllib.request.BaseHandler] = [_AnyStatus()]
    if is_loopback(host):
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as answer:
            return Answer(status=answer.status, body=answer.read(MAX_BODY_BYTES))
    except urllib.error.URLError as error:
        cause = error.reason if isinstance(error.reason, BaseException) else error
    except (OSError, HTTPException, ValueError) as error:
        cause = error
    failure = socket_error(cause, host_of(url))
    raise AppError(f"{host_of(url)} could not be asked what it offers.", failure.message, fix_for(failure))
