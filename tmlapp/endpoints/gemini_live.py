"""Google's Gemini Live, at the Developer API and at Vertex AI (docs/endpoints/gemini-live.md)."""

from __future__ import annotations

from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.endpoints.gemini.codec import GeminiCodec
from tmlapp.endpoints.gemini.options import DEFAULT_MODEL, KIND, OPTIONS, settings_of
from tmlapp.endpoints.gemini.setup import default_path, vertex_host
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import Dialect, Request, Resumption, Target
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.where import placed

VOICES = ("Aoede", "Charon", "Fenrir", "Kore", "Leda", "Orus", "Puck", "Zephyr")


def request(target: Target, resumption: Resumption | None) -> Request:  # noqa: ARG001 - a handle goes into the set-up
    """How the socket is opened: the key stands in a header.

    Raises:
        AppError: an option has no value that can be used.
    """
    settings = settings_of(target)
    if settings.vertex and not target.url:
        # Where sound and pictures will go is shown beforehand, from the URL: none is made up here.
        raise AppError(
            "Vertex AI needs its address.",
            "It differs from region to region.",
            f"Set the URL https://{vertex_host(settings)} in the profile.",
        )
    headers: dict[str, str] = {}
    if target.secret:
        key = target.secret.reveal()
        headers = {"Authorization": f"Bearer {key}"} if settings.bearer else {"x-goog-api-key": key}
    return Request(url=placed(target.url or DIALECT.default_url, default_path(settings)), headers=headers)


DIALECT = Dialect(
    kind=KIND,
    title="Gemini Live",
    page="gemini-live",
    request=request,
    codec=GeminiCodec,
    sends="sound, a picture per second or as set, typed texts, the instruction and the tools",
    default_url="wss://generativelanguage.googleapis.com",
    default_model=DEFAULT_MODEL,
    key_variable="GEMINI_API_KEY",
    key_required=True,
    voices=VOICES,
    options=OPTIONS,
)
DIALECTS = (DIALECT,)


@endpoint(KIND)
def gemini_live(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - nothing of it is for a remote model
    """`gemini_live:MODEL`, `gemini_live:URL` or `gemini_live:MODEL@URL`."""
    return remote_endpoint(DIALECT, target)
