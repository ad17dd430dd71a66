"""OpenAI's GPT-Live: full duplex, the model decides at all times whether it speaks (docs/endpoints/openai-live.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.tool import HistoryTurn
from tmlapp.endpoints.gpt_live.asking import DEFAULT_VOICE, Wishes, asked, forked
from tmlapp.endpoints.gpt_live.codec import LiveCodec
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import Codec, Dialect, Fetch, Option, Request, Resumption, Start, Target
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.history import FinishedTurns
from tmlapp.endpoints.remote.target import is_loopback
from tmlapp.endpoints.remote.where import placed

_PATHS = {"openai": "/v1/live/sessions", "azure": "/openai/v1/live/sessions"}


def _request(target: Target, resumption: Resumption | None) -> Request:
    service = OPENAI_LIVE.option(target, "service")
    url = placed(target.url or OPENAI_LIVE.default_url, _PATHS[service])
    if resumption is not None and resumption.kind == "native":
        parts = urlsplit(url)
        path = f"{parts.path.rstrip('/')}/{quote(str(resumption.data['session_id']), safe='')}/fork"
        url = urlunsplit(parts._replace(path=path))
    headers = {}
    if target.secret:
        key = target.secret.reveal()
        headers = {"api-key": key} if service == "azure" else {"Authorization": f"Bearer {key}"}
    return Request(url=url, headers=headers)


def _prepare(target: Target, fetch: Fetch) -> Mapping[str, Any]:  # noqa: ARG001 - a dialect's form
    """Nothing to ask beforehand, but some things have to be there.

    Raises:
        AppError: a key, the address of an Azure resource or the model of a backend is missing.
    """
    service = OPENAI_LIVE.option(target, "service")
    if service == "azure" and not target.url:
        raise AppError(
            "GPT-Live at Azure needs an address.",
            "Every resource has one of its own.",
            "Set the URL of your resource in the profile, such as https://NAME.openai.azure.com.",
        )
    if OPENAI_LIVE.option(target, "delegation") == "responses" and not OPENAI_LIVE.option(target, "backend_model"):
        raise AppError(
            "The backend of GPT-Live has no model.",
            "With delegation = responses a second model does the work that the voice model hands over.",
            "Name it in the option backend_model.",
        )
    host = urlsplit(target.url or OPENAI_LIVE.default_url).hostname or ""
    if not target.secret and not is_loopback(host):
        raise AppError(
            "OpenAI GPT-Live needs a key.",
            f"There is none for “{target.name}”, and {host} lets nobody in without one.",
            f"Set {OPENAI_LIVE.key_variable}, or add a profile with a key (tmlapp endpoints add).",
        )
    return {}


def _wishes(target: Target) -> Wishes:
    def option(name: str) -> str:
        return OPENAI_LIVE.option(target, name)

    delay = option("acknowledgement_delay_ms")
    return Wishes(
        delegation=option("delegation"),
        delay_ms=round(float(delay)) if delay else None,
        backend_model=option("backend_model"),
        backend_instructions=option("backend_instructions"),
        backend=json.loads(option("backend") or "{}"),
        typed=option("typed"),
        video_fps=float(option("video_fps")),
        store=option("store") == "on",
        quiet_ms=float(option("quiet_ms")),
        audible_dbfs=float(option("audible_dbfs")),
        service=option("service"),
    )


def _codec(start: Start) -> Codec:
    wishes = _wishes(start.target)
    model = start.target.model or OPENAI_LIVE.default_model
    left = start.resumption
    turns: tuple[HistoryTurn, ...] = start.setup.history if left is None else tuple(left.data.get("turns", ()))
    if left is not None and left.kind == "native":
        request = forked(wishes)
    else:
        instructions = () if left is None else left.data.get("instructions", ())
        request = asked(start.target, model, start.setup, wishes, turns, instructions)
    return LiveCodec(start, wishes, request, model, FinishedTurns(turns))


OPENAI_LIVE = Dialect(
    kind="openai_live",
    title="OpenAI GPT-Live",
    page="openai-live",
    request=_request,
    codec=_codec,
    prepare=_prepare,
    sends="sound, typed text, the results of tools, and pictures where a backend is to see them",
    default_url="wss://api.openai.com/v1/live/sessions",
    default_model="gpt-live-1",
    key_variable="OPENAI_API_KEY",
    voices=(
        "alloy", "ash", "ballad", "beacon", "bossa", "cedar", "cinder", "coral", "delta", "echo", "gleam",
        DEFAULT_VOICE, "meridian", "quartz", "ripple", "sage", "shida", "shimmer", "stone", "tempo", "verse",
        "vesper", "willow",
    ),
    options=(
        Option(
            name="service",
            help="Where it runs. At Azure the model is the name of the deployment, and the URL is your resource's.",
            default="openai",
            kind="choice",
            choices=("openai", "azure"),
        ),
        Option(
            name="delegation",
            help="Who does what the voice model hands over. client: the tool “delegate” of this session. responses: "
            "a model at OpenAI (backend_model), which may call the session's tools. none: nobody, and it is told so.",
            default="client",
            kind="choice",
            choices=("client", "responses", "none"),
        ),
        Option(
            name="acknowledgement_delay_ms",
            help="How long it waits before it says by itself that it is working on something handed over.",
            kind="number",
        ),
        Option(name="backend_model", help="responses: the model that works in the background."),
        Option(name="backend_instructions", help="responses: what the model in the background is told."),
        Option(
            name="backend",
            help="responses: further settings of it, such as reasoning, tools or max_output_tokens.",
            kind="json",
        ),
        Option(
            name="typed",
            help="What becomes of typed text. thinking: the voice model learns it silently. backend: a message to the "
            "model in the background, which then answers (needs delegation = responses).",
            default="thinking",
            kind="choice",
            choices=("thinking", "backend"),
        ),
        Option(
            name="video_fps",
            help="responses: pictures per second for the model in the background, each an item of its conversation; "
            "0 for none.",
            default="0",
            kind="number",
        ),
        Option(
            name="store",
            help="The service keeps the session (and a recording of it), so that a broken one can be gone on with.",
            default="off",
            kind="flag",
        ),
        Option(
            name="quiet_ms", help="So much quiet ends a turn of the model, by our count.", default="600", kind="number"
        ),
        Option(
            name="audible_dbfs", help="Peak from which on its sound counts as speech.", default="-54", kind="number"
        ),
    ),
    close_s=10.0,
)  # fmt: skip

DIALECTS = (OPENAI_LIVE,)


@endpoint("openai_live")
def openai_live(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - a factory's form
    """`target` is a model, a URL, or `MODEL@URL`."""
    return remote_endpoint(OPENAI_LIVE, target)
