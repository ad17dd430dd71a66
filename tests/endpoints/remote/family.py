"""What the tests of the OpenAI family share: a codec without a socket, micro-turns, and recorded sessions."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tmlapp.core.clock import ManualClock
from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import EndpointEvent, WireFrame
from tmlapp.core.media import Frame, Pcm
from tmlapp.core.secret import Secret
from tmlapp.core.turn import Control, MicroTurn, TextInput
from tmlapp.core.units import TURN_NS, TURN_SAMPLES
from tmlapp.endpoints.remote.contract import Action, Codec, Dialect, Opened, Patience, Resumption, Send, Start, Target
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint

T = TypeVar("T")

WALL_S = 1_785_000_000.0
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


def setup(instruction: str = "Count the reps.", **members: Any) -> EndpointSetup:
    return EndpointSetup(instruction=instruction, clock=ManualClock(), session_now_ns=lambda: 0, **members)


def start(
    dialect: Dialect,
    *,
    options: Mapping[str, str] | None = None,
    voice: str = "",
    model: str = "",
    epoch: int = 0,
    resumption: Resumption | None = None,
    prepared: Mapping[str, Any] | None = None,
    **members: Any,
) -> Start:
    target = Target(
        kind=dialect.kind,
        address=f"{dialect.kind}:test",
        name="test",
        voice=voice,
        model=model,
        options=options or {},
    )
    return Start(
        target=target,
        setup=setup(**members),
        epoch=epoch,
        resumption=resumption,
        prepared=prepared or {},
        wall_s=lambda: WALL_S,
    )


def micro_turn(
    index: int,
    pcm: Pcm | None = None,
    *,
    texts: Sequence[str | TextInput] = (),
    controls: Sequence[Control] = (),
    jpegs: Sequence[bytes] = (),
    repeated: bool = False,
) -> MicroTurn:
    frames = tuple(
        Frame(index * TURN_NS + n * TURN_NS // len(jpegs), jpeg, 8, 8, repeated) for n, jpeg in enumerate(jpegs)
    )
    typed = tuple(t if isinstance(t, TextInput) else TextInput(index * TURN_NS, t) for t in texts)
    sound = np.zeros(TURN_SAMPLES, np.int16) if pcm is None else pcm
    return MicroTurn(index, sound, frames=frames, texts=typed, controls=tuple(controls))


def tone(level: float = 0.3) -> Pcm:
    """One micro-turn of 440 Hz."""
    t = np.arange(TURN_SAMPLES) / 16_000
    return (np.sin(2 * np.pi * 440 * t) * level * 32767).astype(np.int16)


def sent(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """The messages among `actions`, as they arrive at the other end."""
    return [
        json.loads(json.dumps(a.message)) for a in actions if isinstance(a, Send) and isinstance(a.message, Mapping)
    ]


def kinds(actions: Iterable[Action]) -> list[str]:
    return [m["type"] for m in sent(actions)]


def told(actions: Iterable[Action], kind: type[T]) -> list[T]:
    return [a for a in actions if isinstance(a, kind)]


def names(actions: Iterable[Action]) -> list[str]:
    return [type(a).__name__ for a in actions if isinstance(a, EndpointEvent)]


def say(codec: Codec, **message: Any) -> list[Action]:
    """What a message of the service means to `codec`, through its text form."""
    return list(codec.receive(codec.parse(json.dumps(message))))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def traces(folder: Path, *starts: str) -> list[Path]:
    """Recorded sessions whose names begin so."""
    return sorted(p for p in (folder / "traces").glob("*.jsonl") if p.name.startswith(starts))


def steps(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def opened(codec: Codec, session: Mapping[str, Any] | None = None) -> Opened:
    """Bring `codec` to where micro-turns may flow: the service agrees to everything."""
    (first,) = sent(codec.hello())
    actions = say(codec, type="session.updated", session=session or first["session"])
    (found,) = told(actions, Opened)
    return found


class Log:
    """The sink of a session: events in the order in which they came, and a way to wait for one."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, event: EndpointEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, found: Callable[[list[Any]], bool], timeout_s: float = 15.0) -> None:
        """Return once `found` accepts the events so far."""
        with self._changed:
            ok = self._changed.wait_for(lambda: found(self.events), timeout_s)
        told = [(type(e).__name__, getattr(e, "message", "")) for e in self.events if not isinstance(e, WireFrame)]
        assert ok, f"it never came; there was {told}"

    def of(self, kind: type[T]) -> list[T]:
        with self._changed:
            return [e for e in self.events if isinstance(e, kind)]


QUICK = Patience(
    connect_s=5, configure_s=5, backoff_s=(0.01, 0.02, 0.05), settled_s=60,
    warn_turns=300, drop_video_turns=400, give_up_turns=500,
)  # fmt: skip
"""Tests push as fast as they can: nothing of that is a slow network."""


def connect(
    dialect: Dialect,
    url: str,
    log: Log,
    *,
    options: Mapping[str, str] | None = None,
    voice: str = "",
    key: str = "",
    **members: Any,
) -> RemoteDuplex:
    """An open conversation with a server on loopback."""
    target = Target(
        kind=dialect.kind,
        address=f"{dialect.kind}:{url}",
        name="test",
        url=url,
        voice=voice,
        options=options or {},
        secret=Secret(key) if key else None,
    )
    return RemoteEndpoint(dialect, target, patience=QUICK).open(setup(**members), log)
