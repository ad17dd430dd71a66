"""What an endpoint agreed to, and what it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

MediaKind = Literal["input", "output", "session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Something asked of an endpoint and not granted; shown and logged, never dropped."""

    asked: str
    granted: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What an endpoint agreed to, as shown in the window and kept in the recording.

    Attributes:
        endpoint: address of the endpoint, e.g. `onnx:tiny`.
        name: what a person calls it.
        local: True if nothing leaves this machine.
        unit_ms: the endpoint's own cadence.
        acknowledges_units: a `UnitDone` follows every micro-turn.
        clock_kind: which of the media clocks its outputs carry, if any.
        first_unit_ms: what it needs before its first answer, where that differs; 0 for `unit_ms`.
        frames_per_unit, max_image_bytes: limits on pictures; 0 where none is known.
        turn_owner: who decides when it speaks: `model`, `server_vad`, `semantic_vad` or `client`.
        can_interrupt, can_truncate, can_resume, can_ack_playback: what may be asked of it while it runs.
        expires_at_ms: session time at which the service will end it, if it says so.
        input_delay_ms: constant delay that our conversion of the sound adds.
        provider: where it computes (`CPUExecutionProvider`, a host name, …).
        details: anything else worth tracing: hashes, versions, licence.
    """

    endpoint: str
    name: str
    local: bool
    input_rate: int = 16_000
    output_rate: int = 24_000
    unit_ms: int = 200
    modalities_in: tuple[str, ...] = ()
    modalities_out: tuple[str, ...] = ()
    turn_owner: str = "model"
    proactive: bool = True
    acknowledges_units: bool = False
    clock_kind: MediaKind | None = None
    input_delay_ms: float = 0.0
    first_unit_ms: int = 0
    frames_per_unit: int = 0
    max_image_bytes: int = 0
    can_interrupt: bool = False
    can_truncate: bool = False
    can_resume: bool = False
    can_ack_playback: bool = False
    expires_at_ms: int | None = None
    provider: str = ""
    rejections: tuple[Rejection, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


def granted_from_json(value: dict[str, Any]) -> Granted:
    """The inverse of `to_json` for the `granted` member of an event."""
    plain = dict(value)
    plain["rejections"] = tuple(Rejection(**r) for r in plain.get("rejections", ()))
    for key in ("modalities_in", "modalities_out"):
        plain[key] = tuple(plain.get(key, ()))
    return Granted(**plain)
