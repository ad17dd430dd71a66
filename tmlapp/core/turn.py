"""The micro-turn: 200 ms of everything that the person did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tmlapp.core.media import Frame, Pcm
from tmlapp.core.units import TURN_NS, TURN_SAMPLES


@dataclass(frozen=True, slots=True)
class TextInput:
    """Text typed by the operator during the micro-turn in which it is found."""

    t_ns: int
    text: str
    role: Literal["user", "system"] = "user"


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The model was cut off: `played_ns` of the item `item_id` were really heard (silence of the model: empty, 0).

    `by_person` is False where the endpoint itself said that it was interrupted.
    """

    played_ns: int
    item_id: str = ""
    by_person: bool = True


@dataclass(frozen=True, slots=True)
class PlaybackReport:
    """How much of an item the loudspeaker has played."""

    item_id: str
    played_ns: int


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to a `ToolCall`."""

    call_id: str
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class DelegationResult:
    """What the background model returned for a `Delegation`."""

    id: str
    text: str
    final: bool


Control = Interrupt | PlaybackReport | ToolResult | DelegationResult


@dataclass(frozen=True, slots=True, eq=False)
class MicroTurn:
    """Input window k, covering session time [200k, 200(k+1)) ms.

    Attributes:
        index: k = 0, 1, 2, …, never skipped.
        pcm: int16 [3200], 16 kHz mono; digital silence where the microphone gave nothing.
        frames: frames captured in this window, oldest first; may be empty.
        texts: what was typed in this window.
        controls: messages of the session to the endpoint.
        mono_ns: monotonic time of the first sample, as fitted from the audio callbacks.
    """

    index: int
    pcm: Pcm
    frames: tuple[Frame, ...] = ()
    texts: tuple[TextInput, ...] = ()
    controls: tuple[Control, ...] = field(default=())
    mono_ns: int = 0

    def __post_init__(self) -> None:
        if self.pcm.shape != (TURN_SAMPLES,) or self.pcm.dtype.name != "int16":
            raise ValueError(f"a micro-turn holds int16 [{TURN_SAMPLES}], not {self.pcm.dtype} {self.pcm.shape}")

    @property
    def start_sample(self) -> int:
        return self.index * TURN_SAMPLES

    @property
    def t_ns(self) -> int:
        return self.index * TURN_NS

    @property
    def end_ns(self) -> int:
        return (self.index + 1) * TURN_NS
