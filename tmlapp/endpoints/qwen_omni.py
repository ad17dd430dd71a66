"""Alibaba Cloud's Qwen-Omni over DashScope (docs/endpoints/qwen-omni.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tmlapp.core.endpoint import Endpoint
from tmlapp.endpoints.openai_family.login import key_or_loopback
from tmlapp.endpoints.openai_family.qwen import QwenCodec
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import Codec, Dialect, Fetch, Option, Request, Resumption, Start, Target
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.where import placed

_PATH = "/api-ws/v1/realtime"


def _request(target: Target, resumption: Resumption | None) -> Request:  # noqa: ARG001 - a dialect's form
    headers = {}
    if target.secret:
        headers["Authorization"] = f"Bearer {target.secret.reveal()}"
    if workspace := QWEN_OMNI.option(target, "workspace"):
        headers["X-DashScope-WorkSpace"] = workspace
    url = placed(target.url or QWEN_OMNI.default_url, _PATH, {"model": target.model or QWEN_OMNI.default_model})
    return Request(url=url, headers=headers)


def _prepare(target: Target, fetch: Fetch) -> Mapping[str, Any]:  # noqa: ARG001 - a dialect's form
    key_or_loopback(QWEN_OMNI, target)
    return {}


def _codec(start: Start) -> Codec:
    return QwenCodec(QWEN_OMNI, start)


QWEN_OMNI = Dialect(
    kind="qwen_omni",
    title="Qwen-Omni (DashScope)",
    page="qwen-omni",
    request=_request,
    codec=_codec,
    prepare=_prepare,
    default_url="wss://dashscope.aliyuncs.com",
    default_model="qwen3-omni-flash-realtime",
    key_variable="DASHSCOPE_API_KEY",
    voices=("Cherry", "Ethan"),
    sends="sound, pictures and typed text",
    experimental="Its answers were never recorded: their fields, and its limits on pictures, are assumed.",
    options=(
        Option(name="workspace", help="Workspace of the account, where you use one (X-DashScope-WorkSpace)."),
        Option(
            name="modalities",
            help="audio: it speaks and writes. text: it only writes.",
            default="audio",
            kind="choice",
            choices=("audio", "text"),
        ),
        Option(
            name="turn_detection",
            help="Who decides when you have finished. none: this program, by loudness, or when you type.",
            default="server_vad",
            kind="choice",
            choices=("server_vad", "semantic_vad", "none"),
        ),
        Option(name="vad_threshold", help="-1 to 1, higher for noisy rooms.", default="0.2", kind="number"),
        Option(name="prefix_padding_ms", help="Sound before the speech that counts.", default="300", kind="number"),
        Option(name="silence_duration_ms", help="Quiet that ends a turn, 200 to 6000.", default="800", kind="number"),
        Option(name="interrupt_response", help="Whether speaking over the model stops it.", default="on", kind="flag"),
        Option(
            name="ask_every_s",
            help="none: an answer is asked for every so many seconds (emulated proactivity).",
            kind="number",
        ),
        Option(name="transcription_model", help="What writes down what you say; empty: its default; off for none."),
        Option(name="temperature", help="How freely it chooses its words.", kind="number"),
        Option(name="top_k", help="Among how many words it chooses.", kind="number"),
        Option(name="smooth_output", help="Whether it speaks as in conversation.", kind="flag"),
        Option(name="video_fps", help="Pictures per second; about 1 is taken (assumed).", default="1", kind="number"),
        Option(name="max_image_bytes", help="Larger pictures are not sent (assumed).", default="500000", kind="number"),
        Option(name="session_minutes", help="How long a session may last.", default="120", kind="number"),
    ),
)

DIALECTS = (QWEN_OMNI,)


@endpoint("qwen_omni")
def qwen_omni(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - a factory's form
    """`target` is a model, a URL, or `MODEL@URL`."""
    return remote_endpoint(QWEN_OMNI, target)
