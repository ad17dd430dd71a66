"""The echo canceller: what one micro-turn costs the engine thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from tests.perf.figure import Effort, Figure, at_most, percentile
from tmlapp.capture.echo import EchoCanceller
from tmlapp.capture.playtap import PlayTap
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, TURN_NS, TURN_SAMPLES
from tmlapp.live.echo_path import EchoPath

RATE_HZ = 48_000
_BLOCKS = 20


def echo(effort: Effort) -> Iterable[Figure]:
    """A loudspeaker that plays all the time into a microphone: reference, canceller and measuring, per micro-turn."""
    turns = round(effort.seconds(60, 10) * 5)
    random = np.random.default_rng(1)
    tap = PlayTap(RATE_HZ)
    path = EchoPath(lambda: tap)
    costs = []
    for index in range(turns):
        at_ns = index * TURN_NS
        for block in range(_BLOCKS):
            sound = (random.standard_normal(RATE_HZ // 100) * 3_000).astype(np.int16)
            tap.write(sound, at_ns + (block + 1) * 10 * NS_PER_MS)
        pcm = (random.standard_normal(TURN_SAMPLES) * 2_000).astype(np.int16)
        captured = Captured(index, pcm, (), mono_ns=at_ns, ready_ns=at_ns + TURN_NS + 8 * NS_PER_MS)
        costs.append(_milliseconds(lambda captured=captured: (path.process(captured), path.measure())))
    bare = _bare(turns // 2, random)
    reference = {"aec3 alone, p50": percentile(bare, 50), "p99": percentile(costs, 99)}
    yield at_most("echo_turn_p50", percentile(costs, 50), 3.0, "ms", turns, **reference)


def _bare(turns: int, random: np.random.Generator) -> list[float]:
    """WebRTC's canceller by itself on the same kind of sound."""
    canceller = EchoCanceller()._canceller
    sound: Pcm = (random.standard_normal(TURN_SAMPLES) * 2_000).astype(np.int16)
    return [_milliseconds(lambda: canceller.process(sound, sound)) for _ in range(turns)]


def _milliseconds(work: Callable[[], object]) -> float:
    # Of this thread: what it costs, not what others take meanwhile.
    begin = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - begin) / NS_PER_MS
