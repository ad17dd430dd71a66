"""MiniCPM-o's demo server: hears and sees by the second, and decides once per second whether to speak.

Source: OpenBMB/MiniCPM-o-Demo `docs/en/api/duplex.md` (28 April 2026), and for `wire=source` the server in
OpenBMB/minicpm-o-4_5-pytorch-simple-demo `worker.py`, whose names differ (docs/endpoints/minicpm-o.md).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from tmlapp.core.endpoint import Endpoint
from tmlapp.endpoints.minicpm.codec import MiniCpmCodec
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import (
    Dialect,
    Fetch,
    Option,
    Request,
    Resumption,
    Start,
    Target,
)
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.reference import reference_float32
from tmlapp.endpoints.remote.where import placed

_PREFIXES = {
    ("document", "omni"): "omni_",
    ("document", "audio"): "audio_duplex_",
    ("source", "omni"): "omni_",
    ("source", "audio"): "adx_",
}


def _option(target: Target, name: str) -> str:
    return MINICPM_O.option(target, name)


def _request(target: Target, resumption: Resumption | None) -> Request:  # noqa: ARG001 - the service resumes nothing
    name = _PREFIXES[_option(target, "wire"), _option(target, "mode")] + secrets.token_hex(6)
    headers = {"Authorization": f"Bearer {target.secret.reveal()}"} if target.secret else {}
    return Request(url=placed(target.url or MINICPM_O.default_url, f"/ws/duplex/{name}"), headers=headers)


def _prepare(target: Target, fetch: Fetch) -> Mapping[str, Any]:  # noqa: ARG001 - only files of this machine are read
    found = {}
    for name in ("ref_audio", "tts_ref_audio"):
        if path := _option(target, name):
            found[f"{name}_base64"] = reference_float32(path)
    return found


def _codec(start: Start) -> MiniCpmCodec:
    return MiniCpmCodec(MINICPM_O, start)


MINICPM_O = Dialect(
    kind="minicpm_o",
    title="MiniCPM-o demo server",
    page="minicpm-o",
    request=_request,
    codec=_codec,
    prepare=_prepare,
    sends="sound and one picture per second",
    experimental="No server was available, and its document and its source name things differently (option wire).",
    options=(
        Option(
            name="mode",
            help="omni: sound and pictures; audio: sound only.",
            default="omni",
            kind="choice",
            choices=("omni", "audio"),
        ),
        Option(
            name="wire",
            help="document: messages as in the server's document; source: as the public PyTorch server reads them.",
            default="document",
            kind="choice",
            choices=("document", "source"),
        ),
        Option(name="queue", help="off: straight to a worker, which has no queue.", default="on", kind="flag"),
        Option(name="ref_audio", help="WAV file (PCM16, mono, 16 kHz) of the voice that the model takes on."),
        Option(name="tts_ref_audio", help="Another WAV file for the spoken voice alone."),
        Option(
            name="force_listen_count",
            help="For so many seconds the model is made to listen first. 0 for timing; the server's own default is 3.",
            default="0",
            kind="number",
        ),
        Option(name="temperature", help="Of what the model says.", default="0.7", kind="number"),
        Option(name="top_p", help="Of what the model says.", default="0.8", kind="number"),
        Option(name="top_k", help="Of what the model says.", default="20", kind="number"),
        Option(name="max_new_speak_tokens_per_chunk", help="Per second.", default="20", kind="number"),
        Option(name="listen_prob_scale", help="Above 1 it listens more.", default="1.0", kind="number"),
        Option(name="ls_mode", help="How it decides between listening and speaking.", default="explicit"),
        Option(name="config", help="Further members of `config`, as a JSON object.", kind="json"),
    ),
)

DIALECTS = (MINICPM_O,)


@endpoint("minicpm_o")
def minicpm_o(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - nothing of them concerns a remote one
    """`minicpm_o:wss://host`: MiniCPM-o's demo server."""
    return remote_endpoint(MINICPM_O, target)
