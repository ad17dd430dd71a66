"""From the graph's outputs to what the model says (contract sections 2 and 4)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import numpy as np

from tmlapp.core.event import AudioOut, EndpointError, EndpointEvent, Interrupted, Listen, TextOut, TextOutDone
from tmlapp.core.media import AudioClip
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, OUTPUT_RATE_HZ, TURN_NS
from tmlapp.endpoints.onnx_manifest import Manifest
from tmlapp.endpoints.onnx_step import Tensor
from tmlapp.endpoints.onnx_tasks import Task, fill, placeholders
from tmlapp.endpoints.onnx_voice import VoiceDesk

_log = logging.getLogger(__name__)


class NonFiniteError(Exception):
    """NaN or Inf in `say` or `speech` (`E_NONFINITE`)."""


def decide(say: Tensor, min_margin: float | None) -> int:
    """Index of what is said: the largest logit, the lowest index on ties, silence below the margin."""
    index = int(np.argmax(say[0]))
    if min_margin is not None and say[0, index] - say[0, 0] < min_margin:
        return 0
    return index


class Speaker:
    """Turns decisions into events; remembers what was said when.

    Attributes:
        clipped: samples of the graph's speech that were outside [-1, 1], so far.
    """

    def __init__(self, manifest: Manifest, clips: Mapping[str, AudioClip], *, speech: bool, voice: VoiceDesk) -> None:
        self._manifest = manifest
        self._clips = dict(clips)
        self._speech = speech
        self._voice = voice
        self._last_ns: dict[int, int] = {}
        self._busy_until_ns = 0
        self._speech_until_ns = 0
        self._speech_item: str | None = None
        self._reported: set[tuple[str, str]] = set()
        self.clipped = 0

    def rehearse(self, task: Task) -> None:
        """Have the voice speak what `task` fills in beforehand, so that it sounds at once when it is chosen."""
        for phrase in self._manifest.vocabulary:
            text = fill(phrase.text, task.groups) if placeholders(phrase.text) else None
            if text and text not in self._clips and not self._speech:
                # A voice that fails is reported when the phrase is really chosen.
                self._voice.ask(text)

    @property
    def speaks_until_ns(self) -> int:
        """Session time at which everything that was said so far has sounded; 0 before the first word."""
        return max(self._busy_until_ns, self._speech_until_ns)

    def hush(self, turn: MicroTurn) -> Iterator[Interrupted]:
        """Cut off a recording that still sounds: who says stop wants it quiet now, not after a long reminder."""
        if self._busy_until_ns > turn.end_ns:
            self._busy_until_ns = turn.end_ns
            yield Interrupted(t_media_ns=turn.end_ns, media_kind="session")

    def answer(self, turn: MicroTurn, outputs: Mapping[str, Tensor], task: Task) -> Iterator[EndpointEvent]:
        """Events for one step, in order, without receive times.

        Raises:
            NonFiniteError: before anything is said.
        """
        for name in ("say", "speech"):
            if name in outputs and not np.isfinite(outputs[name]).all():
                raise NonFiniteError(f"NaN or Inf in {name} at micro-turn {turn.index}")
        index = self._chosen(turn, outputs)
        text = fill(self._manifest.vocabulary[index].text, task.groups)
        if text is None:
            yield from self._no_content(turn, index, task)
            index, text = 0, ""
        if index:
            self._last_ns[index] = turn.end_ns
            at = {"t_media_ns": turn.end_ns, "media_kind": "session", "item_id": f"say-{turn.index}"}
            yield TextOut(delta=text, channel="say", **at)  # type: ignore[arg-type]
            yield TextOutDone(text=text, channel="say", **at)  # type: ignore[arg-type]
        else:
            yield Listen(micro_turn=turn.index, t_media_ns=turn.end_ns, media_kind="session")
        if self._speech:
            yield from self._own_speech(turn, outputs["speech"], text)
        elif index:
            yield from self._phrase(turn, text)

    def _chosen(self, turn: MicroTurn, outputs: Mapping[str, Tensor]) -> int:
        index = decide(outputs["say"], self._manifest.min_margin)
        last_ns = self._last_ns.get(index)
        if index and last_ns is not None and turn.end_ns - last_ns < self._manifest.repeat_ms * NS_PER_MS:
            return 0
        return index

    def _no_content(self, turn: MicroTurn, index: int, task: Task) -> Iterator[EndpointEvent]:
        text = self._manifest.vocabulary[index].text
        _log.warning("E_PHRASE_EMPTY: %r has no content at micro-turn %d", text, turn.index)
        # A model that insists would otherwise say so five times a second.
        if (text, task.instruction) not in self._reported:
            self._reported.add((text, task.instruction))
            yield EndpointError(
                kind="unsupported",
                code="E_PHRASE_EMPTY",
                message=f"The model chose “{text}”, but the instruction gave nothing to fill it with.",
                fatal=False,
            )

    def _own_speech(self, turn: MicroTurn, speech: Tensor, text: str) -> Iterator[EndpointEvent]:
        samples = speech[0].astype(np.float64)
        self.clipped += int(np.count_nonzero(np.abs(samples) > 1.0))
        pcm = np.clip(np.rint(np.clip(samples, -1.0, 1.0) * 32768.0), -32768, 32767).astype("<i2")
        if not pcm.any():
            self._speech_item = None
            return
        if self._speech_item is None:
            self._speech_item = f"speech-{turn.index}"
        self._speech_until_ns = turn.end_ns + TURN_NS
        yield AudioOut(
            pcm16=pcm.tobytes(),
            rate=OUTPUT_RATE_HZ,
            text=text,
            t_media_ns=turn.end_ns,
            dur_media_ns=TURN_NS,
            media_kind="session",
            item_id=self._speech_item,
        )

    def _phrase(self, turn: MicroTurn, text: str) -> Iterator[EndpointEvent]:
        clip = self._clips.get(text)
        if clip is None:
            clip, problem = self._voice.spoken(text)
            if problem and ("voice", text) not in self._reported:
                self._reported.add(("voice", text))
                yield EndpointError(kind="config", code="E_VOICE", message=problem, fatal=False)
        if clip is None:
            return
        if self._manifest.interrupts:
            yield from self.hush(turn)
        self._busy_until_ns = max(self._busy_until_ns, turn.end_ns) + clip.duration_ns
        yield AudioOut(
            pcm16=clip.pcm.astype("<i2").tobytes(),
            rate=clip.rate_hz,
            text=text,
            t_media_ns=turn.end_ns,
            dur_media_ns=clip.duration_ns,
            media_kind="session",
            item_id=f"say-{turn.index}",
        )
