"""OpenAI's Realtime interface, at OpenAI and at Azure (docs/endpoints/openai-realtime.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tmlapp.core.endpoint import Endpoint
from tmlapp.endpoints.openai_family.login import key_or_loopback
from tmlapp.endpoints.openai_family.realtime import RealtimeCodec, VoiceLiveCodec
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import Codec, Dialect, Fetch, Option, Request, Resumption, Start, Target
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.where import placed

_PATHS = {"openai": "/v1/realtime", "azure": "/openai/v1/realtime", "azure-voice-live": "/voice-live/realtime"}


def _request(target: Target, resumption: Resumption | None) -> Request:  # noqa: ARG001 - a dialect's form
    service = OPENAI_REALTIME.option(target, "service")
    query = {"model": target.model or OPENAI_REALTIME.default_model}
    if service == "azure-voice-live":
        query["api-version"] = OPENAI_REALTIME.option(target, "api_version")
    headers = {}
    if target.secret:
        key = target.secret.reveal()
        login = OPENAI_REALTIME.option(target, "login") or ("bearer" if service == "openai" else "api-key")
        headers = {"Authorization": f"Bearer {key}"} if login == "bearer" else {"api-key": key}
    return Request(url=placed(target.url or OPENAI_REALTIME.default_url, _PATHS[service], query), headers=headers)


def _prepare(target: Target, fetch: Fetch) -> Mapping[str, Any]:  # noqa: ARG001 - a dialect's form
    key_or_loopback(OPENAI_REALTIME, target)
    return {}


def _codec(start: Start) -> Codec:
    live = OPENAI_REALTIME.option(start.target, "service") == "azure-voice-live"
    return VoiceLiveCodec(OPENAI_REALTIME, start) if live else RealtimeCodec(OPENAI_REALTIME, start)


OPENAI_REALTIME = Dialect(
    kind="openai_realtime",
    title="OpenAI Realtime",
    page="openai-realtime",
    request=_request,
    codec=_codec,
    prepare=_prepare,
    default_url="wss://api.openai.com",
    default_model="gpt-realtime-2.1",
    key_variable="OPENAI_API_KEY",
    voices=("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"),
    sends="sound, pictures and typed text",
    options=(
        Option(
            name="service",
            help="Where it runs. At Azure the model is the name of the deployment, and the URL is your resource's.",
            default="openai",
            kind="choice",
            choices=("openai", "azure", "azure-voice-live"),
        ),
        Option(
            name="login",
            help="How the key is sent; empty: Authorization: Bearer at OpenAI, api-key at Azure.",
            kind="choice",
            choices=("bearer", "api-key"),
        ),
        Option(name="api_version", help="Version of the interface; Azure Voice Live only.", default="2025-10-01"),
        Option(
            name="modalities",
            help="audio: it speaks, and its words come with the sound. text: it only writes.",
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
        Option(name="vad_threshold", help="server_vad: 0 to 1, higher for noisy rooms.", default="0.5", kind="number"),
        Option(
            name="prefix_padding_ms",
            help="server_vad: sound before the speech that counts.",
            default="300",
            kind="number",
        ),
        Option(
            name="silence_duration_ms", help="server_vad, none: quiet that ends a turn.", default="500", kind="number"
        ),
        Option(
            name="eagerness",
            help="semantic_vad: how soon it takes you to have finished.",
            default="auto",
            kind="choice",
            choices=("auto", "low", "medium", "high"),
        ),
        Option(name="interrupt_response", help="Whether speaking over the model stops it.", default="on", kind="flag"),
        Option(
            name="idle_timeout_ms",
            help="server_vad: it speaks by itself after so much silence (emulated proactivity, 5000 to 30000).",
            kind="number",
        ),
        Option(
            name="ask_every_s",
            help="none: an answer is asked for every so many seconds (emulated proactivity).",
            kind="number",
        ),
        Option(
            name="transcription_model",
            help="What writes down what you say; off for none. At Azure it is a deployment of its own.",
        ),
        Option(name="transcription_language", help="Language that you speak, such as en."),
        Option(
            name="noise_reduction",
            help="near_field for a headset, far_field for a room.",
            kind="choice",
            choices=("near_field", "far_field"),
        ),
        Option(name="speed", help="How fast it speaks, 0.25 to 1.5.", kind="number"),
        Option(
            name="reasoning_effort",
            help="gpt-realtime-2 models only.",
            kind="choice",
            choices=("none", "minimal", "low", "medium", "high", "xhigh"),
        ),
        Option(name="max_output_tokens", help="Longest response: 1 to 4096, or inf."),
        Option(
            name="video_fps",
            help="Pictures per second, each an item of the conversation; 0 for none.",
            default="1",
            kind="number",
        ),
        Option(
            name="image_detail",
            help="How closely it looks at a picture; auto means high.",
            default="low",
            kind="choice",
            choices=("low", "high", "auto"),
        ),
    ),
)

DIALECTS = (OPENAI_REALTIME,)


@endpoint("openai_realtime")
def openai_realtime(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - a factory's form
    """`target` is a model, a URL, or `MODEL@URL`."""
    return remote_endpoint(OPENAI_REALTIME, target)
