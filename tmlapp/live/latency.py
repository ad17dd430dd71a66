"""What a reply consists of: network, model, loudspeaker; each the median over the last 30 s of the session.

- network: a round trip, as pings tell it (`RoundTrip`); none for a model in this process.
- model, where the endpoint answers every micro-turn (`UnitDone`): from the end of the micro-turn to its answer, less
  the network.
- model, where it does not: from the end of what the person said to the first audible sound that is received after it,
  less the network. The person's end is where the endpoint heard it (`UserSpeech` stopped: its place in the sound that
  was sent, where it tells that, else when it was told), or, for a typed text, the end of the micro-turn that carried
  it. A reply that begins while the person speaks is none, and without either of the two nothing is measured.
- playout: from the receipt of an utterance's first sound to the moment at which the loudspeaker began to play it.
"""

from __future__ import annotations

from collections import deque
from statistics import median

import numpy as np

from tmlapp.core.event import AudioOut, Event, Heard, RoundTrip, SessionOpened, SessionUpdated, UnitDone, UserSpeech
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.live.playout import first_audible

WINDOW_NS = 30 * NS_PER_S


class _Window:
    """Durations of the last 30 s."""

    def __init__(self) -> None:
        self._values: deque[tuple[int, int]] = deque(maxlen=1024)

    def add(self, t_ns: int, dur_ns: int) -> None:
        self._values.append((t_ns, max(0, dur_ns)))

    def median_ms(self, now_ns: int) -> float | None:
        found = [dur_ns for t_ns, dur_ns in self._values if t_ns > now_ns - WINDOW_NS]
        return round(median(found) / NS_PER_MS, 3) if found else None


class LatencyMeter:
    """Fed with every micro-turn and event of a session, by the engine thread alone."""

    def __init__(self) -> None:
        self._network = _Window()
        self._replies = _Window()
        self._onsets = _Window()
        self._playout = _Window()
        self._acknowledges = False
        self._asked_ns: int | None = None

    def turn(self, turn: MicroTurn) -> None:
        if any(text.role == "user" for text in turn.texts):
            self._asked_ns = turn.end_ns

    def event(self, event: Event) -> None:
        match event:
            case SessionOpened() | SessionUpdated():
                self._acknowledges = event.granted.acknowledges_units
            case RoundTrip():
                self._network.add(event.t_rx_ns, event.rtt_ns)
            case UnitDone():
                self._replies.add(event.t_rx_ns, event.latency_ns)
            case UserSpeech(state="started"):
                self._asked_ns = None
            case UserSpeech():
                self._asked_ns = event.t_rx_ns if event.t_media_ns is None else event.t_media_ns
            case AudioOut():
                self._sound(event)
            case Heard(t_rx_ns=int(t_rx_ns)):
                self._playout.add(event.t_ns, event.t_ns - t_rx_ns)
            case _:
                pass

    def _sound(self, event: AudioOut) -> None:
        asked_ns = self._asked_ns
        if asked_ns is None or event.t_rx_ns < asked_ns:
            return
        if first_audible(np.frombuffer(event.pcm16, "<i2")) is not None:
            self._onsets.add(event.t_rx_ns, event.t_rx_ns - asked_ns)
            self._asked_ns = None

    def network_ms(self, now_ns: int) -> float | None:
        return self._network.median_ms(now_ns)

    def model_ms(self, now_ns: int) -> float | None:
        whole = (self._replies if self._acknowledges else self._onsets).median_ms(now_ns)
        if whole is None:
            return None
        return round(max(0.0, whole - (self._network.median_ms(now_ns) or 0.0)), 3)

    def playout_ms(self, now_ns: int) -> float | None:
        return self._playout.median_ms(now_ns)
