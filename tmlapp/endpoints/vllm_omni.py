"""vLLM-Omni's full-duplex interface: models that listen and speak at once, on a server of one's own.

Sources: `docs/serving/realtime_duplex_api.md` of vllm-project/vllm-omni, and `vllm-omni` 0.30.0
(docs/endpoints/vllm-omni.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tmlapp.core.endpoint import Endpoint
from tmlapp.endpoints.registry import EndpointOptions, endpoint
from tmlapp.endpoints.remote.contract import Codec, Dialect, Fetch, Option, Request, Resumption, Start, Target
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.remote.reference import reference_data_uri
from tmlapp.endpoints.remote.where import placed
from tmlapp.endpoints.vllm.codec import VllmCodec


def _request(target: Target, resumption: Resumption | None) -> Request:  # noqa: ARG001 - a dialect's form
    """Without `autostart=0` a server that is told a model opens a session before it has read what we ask for."""
    query = {"duplex": "1", "autostart": "0"} | ({"model": target.model} if target.model else {})
    headers = {"Authorization": f"Bearer {target.secret.reveal()}"} if target.secret else {}
    return Request(url=placed(target.url, "/v1/realtime", query), headers=headers)


def _prepare(target: Target, fetch: Fetch) -> Mapping[str, Any]:  # noqa: ARG001 - only a file of this machine is read
    path = VLLM_OMNI.option(target, "ref_audio")
    return {"ref_audio": reference_data_uri(path)} if path else {}


def _codec(start: Start) -> Codec:
    return VllmCodec(VLLM_OMNI, start)


VLLM_OMNI = Dialect(
    kind="vllm_omni",
    title="vLLM-Omni duplex",
    page="vllm-omni",
    request=_request,
    codec=_codec,
    prepare=_prepare,
    sends="sound and pictures",
    options=(
        Option(
            name="ref_audio",
            help="WAV file (PCM16, mono, 16 kHz) of the voice that the model takes on; MiniCPM-o needs one.",
        ),
        Option(
            name="overlap_policy",
            help="What the server does when you speak over the model.",
            default="listen_only",
            kind="choice",
            choices=("listen_only", "barge_in_on_speech"),
        ),
        Option(
            name="playback_commit_policy",
            help="ack_only: the model remembers of its words only what was played here.",
            default="ack_only",
            kind="choice",
            choices=("ack_only", "commit_all_on_done"),
        ),
        Option(
            name="turn_detection",
            help="none: the model decides alone; server_vad: the server's detector of speech cuts it off.",
            default="none",
            kind="choice",
            choices=("none", "server_vad"),
        ),
        Option(name="temperature", help="Of what the model says; empty for the server's own.", kind="number"),
        Option(
            name="idle_timeout_s",
            help="The server gives up after so long without a word.",
            default="300",
            kind="number",
        ),
        Option(
            name="force_listen_count",
            help="MiniCPM-o: for so many units it is made to listen first. 0 for timing.",
            default="0",
            kind="number",
        ),
        Option(name="initial_user_text", help="A first turn of the person as text, told with the set-up."),
        Option(
            name="frames_per_unit",
            help="Pictures that go with one unit of the model; 0 for none.",
            default="1",
            kind="choice",
            choices=("0", "1", "2", "4"),
        ),
        Option(
            name="input_format",
            help="Samples that are sent; pcm_f32le for PersonaPlex.",
            default="pcm16",
            kind="choice",
            choices=("pcm16", "pcm_f32le"),
        ),
        Option(
            name="input_rate",
            help="Samples per second that are sent; 24000 for PersonaPlex.",
            default="16000",
            kind="choice",
            choices=("16000", "24000"),
        ),
        Option(name="extra_body", help="Further members of `extra_body`, as a JSON object.", kind="json"),
    ),
)

DIALECTS = (VLLM_OMNI,)


@endpoint("vllm_omni")
def vllm_omni(target: str, options: EndpointOptions) -> Endpoint:  # noqa: ARG001 - nothing of them concerns a remote one
    """`vllm_omni:MODEL@ws://127.0.0.1:8099`: a model served by vLLM-Omni in duplex."""
    return remote_endpoint(VLLM_OMNI, target)
