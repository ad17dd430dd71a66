"""The dialect of SGLang-Omni: what we recommend to labs for models of their own (docs/endpoints/sglang-omni.md)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import Answer, Codec, Dialect, Fetch, Option, Request, Resumption, Start, Target
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.reference import read_reference
from tmlapp.endpoints.remote.target import host_of
from tmlapp.endpoints.remote.where import placed
from tmlapp.endpoints.sglang.codec import SglangCodec

_PATH = "/v1/realtime"


def _request(target: Target, resumption: Resumption | None) -> Request:  # noqa: ARG001 - a dialect's form
    query = {"model": target.model} if target.model else {}
    return Request(url=placed(target.url, _PATH, query), headers=_headers(target))


def _headers(target: Target) -> dict[str, str]:
    return {"Authorization": f"Bearer {target.secret.reveal()}"} if target.secret else {}


def _prepare(target: Target, fetch: Fetch) -> Mapping[str, Any]:
    """Ask what the deployment offers, and read the voices that it shall speak with.

    Raises:
        AppError: nothing answers, it is not ready, refuses the key, or serves another model.
    """
    parts = urlsplit(placed(target.url, _PATH))
    scheme = {"ws": "http", "wss": "https"}[parts.scheme]
    url = urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/capabilities", "", ""))
    found: dict[str, Any] = {"capabilities": _offered(target, fetch(url, _headers(target)))}
    for name in ("reference_audio", "tts_reference_audio"):
        if path := SGLANG_OMNI.option(target, name):
            read_reference(path)
            found[name] = base64.b64encode(Path(path).expanduser().read_bytes()).decode("ascii")
    return found


def _offered(target: Target, answer: Answer) -> dict[str, Any]:
    host = host_of(target.url)
    if answer.status == 503:
        raise AppError(f"{host} is not ready.", "Its model is still being loaded, or it ends.", "Try again soon.")
    if answer.status in (401, 403):
        raise AppError(
            f"{host} does not let us in.",
            "It wants a token, and got none or another one.",
            f"Set {SGLANG_OMNI.key_variable}, or keep the token in a profile (tmlapp endpoints add).",
        )
    try:
        value = json.loads(answer.body) if answer.status == 200 else {}
    except (ValueError, RecursionError):
        value = {}
    # Servers without this route are asked for nothing that they might not have.
    offered: dict[str, Any] = value if isinstance(value, dict) else {}
    served = offered.get("model")
    if target.model and isinstance(served, str) and served != target.model:
        raise AppError(
            f"{host} has no model “{target.model}”.",
            f"It serves “{served[:80]}”.",
            "Correct the model in the address or in the profile, or leave it out.",
        )
    return offered


def _codec(start: Start) -> Codec:
    return SglangCodec(SGLANG_OMNI, start)


SGLANG_OMNI = Dialect(
    kind="sglang_omni",
    title="SGLang-Omni",
    page="sglang-omni",
    request=_request,
    codec=_codec,
    prepare=_prepare,
    sends="sound, pictures and typed text",
    key_variable="SGLANG_OMNI_API_KEY",
    virtual_time=True,
    options=(
        Option(
            name="output",
            help="What the model gives; empty for everything that it offers.",
            kind="choice",
            choices=("text", "audio", "text+audio"),
        ),
        Option(
            name="typed",
            help="What is typed is appended to the instructions, replaces them, or is not sent.",
            default="append",
            kind="choice",
            choices=("append", "replace", "off"),
        ),
        Option(
            name="history",
            help="instructions: earlier turns, also after a lost connection, are told with the instructions.",
            default="off",
            kind="choice",
            choices=("off", "instructions"),
        ),
        Option(
            name="interaction",
            help="Who owns the turns; empty for what the deployment does.",
            kind="choice",
            choices=("native", "turn_based"),
        ),
        Option(
            name="tail_policy",
            help="What becomes of an unfinished unit at the end; empty for what the deployment does.",
            kind="choice",
            choices=("flush", "pad", "reject"),
        ),
        Option(
            name="microturn_ms", help="Ask for a fixed cadence of input; servers known today reject it.", kind="number"
        ),
        Option(name="max_slice_nums", help="Into how many parts a picture may be cut (MiniCPM-o).", kind="number"),
        Option(name="sampling", help='Of the model, as JSON, e.g. {"temperature": 0.7}.', kind="json"),
        Option(name="turn_detection", help='Turn-based: as JSON, e.g. {"type": "server_vad"}.', kind="json"),
        Option(name="reference_audio", help="WAV file (PCM16, mono, 16 kHz) of the voice that the model takes on."),
        Option(name="tts_reference_audio", help="WAV file (PCM16, mono, 16 kHz) of the voice of its speech synthesis."),
    ),
)

DIALECTS = (SGLANG_OMNI,)


@endpoint("sglang_omni")
def sglang_omni(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - nothing of them concerns a remote one
    """`sglang_omni:ws://127.0.0.1:8765`, `sglang_omni:MODEL@wss://host`: a model served in this dialect."""
    return remote_endpoint(SGLANG_OMNI, target)
