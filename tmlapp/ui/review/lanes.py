"""From what was read of a recording to the lanes of the timeline."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tmlapp.bench.review.lanes import Expected, Lanes, Output, SpokenWord
from tmlapp.core.event import SpeechHeard
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.recording.reader import PROCESSED
from tmlapp.ui.text import refusal_text, tr
from tmlapp.ui.timeline import (
    BarsLane,
    Flag,
    FlagsLane,
    GapsLane,
    Lane,
    SignalsLane,
    Span,
    SpansLane,
    SpectrogramLane,
    WaveLane,
)
from tmlapp.ui.timeline.lane import Role

_WORD_NS = 300 * NS_PER_MS
_CUE_SIGNS = {"start": "▸", "stop": "■", "remind": "⏰", "count": "#", "say": "“"}
_CUE_ROLES: dict[str, Role] = {"start": "good", "stop": "bad", "remind": "notice"}
_FLAG_SIGNS = {"note": "✎", "error": "✕", "notice": "ⓘ", "interrupted": "⤬", "typed": "⌨", "verdict": "✓", "tag": "#"}
_MEANT = ("absent", "muted", "paused")
"""Kinds of gaps that somebody wanted."""

_FLAG_ROLES: dict[str, Role] = {"error": "bad", "interrupted": "bad", "typed": "you"}


class ReviewLanes:
    """The lanes of one recording, empty until they are filled; those of a second one stand below with a letter.

    Args:
        tracks: what the recording has, by topic. Without a canceller's track there is no lane for it.
    """

    def __init__(self, letter: str = "", *, tracks: Collection[str] = ()) -> None:
        def name(title: str) -> str:
            return f"{letter} · {title}" if letter else title

        def key(plain: str) -> str:
            return f"{plain}.{letter}" if letter else plain

        self.letter = letter
        self.you = WaveLane(key("you"), name(tr("you")), role="you")
        self.processed = WaveLane(
            key("processed"), name(tr("you, as heard")), role="you", meaning=tr("What the model heard of you")
        )
        self.processed.absent = PROCESSED not in tracks
        self.heard = WaveLane(key("heard"), name(tr("model, heard")), role="model")
        self.received = WaveLane(key("received"), name(tr("model, received")), role="model")
        self.spectrogram = SpectrogramLane(key("spectrogram"), name(tr("spectrogram")), hidden=True)
        self.hears = SpansLane(key("hears"), name(tr("model hears")), height_px=30)
        self.inner = SignalsLane(key("inner"), name(tr("inside the model")))
        self.words = SpansLane(key("words"), name(tr("words")))
        self.outputs = SpansLane(key("outputs"), name(tr("outputs")))
        self.cues = FlagsLane(key("cues"), name(tr("cues")))
        self.expectations = SpansLane(key("expectations"), name(tr("expectations")))
        self.grades = SpansLane(key("grades"), name(tr("grades")), height_px=34)
        self.reply = BarsLane(key("reply"), name(tr("reply")))
        self.gaps = GapsLane(key("gaps"), name(tr("gaps")))
        self.markers = FlagsLane(key("markers"), name(tr("markers")))
        self.received.hidden = True
        for lane in (self.hears, self.inner, self.words, self.outputs, self.cues, self.expectations, self.grades,
                     self.reply, self.gaps, self.markers):  # fmt: skip
            lane.empty, lane.shrinks = tr("none"), True
        self.markers.empty = tr("none yet: M sets one at the cursor")

    def first(self) -> list[Lane]:
        """Lanes of the recording that was opened, in their usual order."""
        return [
            self.you, self.processed, self.hears, self.heard, self.received, self.spectrogram, self.words,
            self.outputs, self.cues, self.inner, self.expectations, self.grades, self.reply, self.gaps, self.markers,
        ]  # fmt: skip

    def second(self) -> list[Lane]:
        """Lanes that tell a second recording of the same input from the first."""
        return [self.hears, self.heard, self.outputs, self.inner, self.grades, self.reply]

    def wave(self, topic: str) -> WaveLane:
        """The lane of a track."""
        return {
            "/mic": self.you, PROCESSED: self.processed, "/model/heard": self.heard, "/model/audio": self.received,
        }[topic]  # fmt: skip

    def fill(self, found: Lanes, *, blind: bool = False) -> None:
        """Show what was read; `blind`: grades are not there because somebody judges without knowing them."""
        self.grades.empty = tr("hidden while you judge blind") if blind else tr("none")
        for lane in (self.hears, self.inner):
            lane.empty = self.grades.empty
        self.hears.set_spans(_speech(n, heard) for n, heard in enumerate(found.speech))
        self.inner.set_signals(found.signals, [o.t_ns for o in found.outputs])
        self.words.set_spans([*_words(found.user_words, "you"), *_words(found.model_words, "model")])
        self.outputs.set_spans([_output(o) for o in found.outputs])
        self.cues.set_flags([_cue(o) for o in found.outputs])
        self.expectations.set_spans([_expected(e) for e in found.expected])
        judged = [_graded(e) for e in found.expected if e.passed is not None]
        self.grades.set_spans(judged or _as_a_whole(found))
        self.reply.set_values(found.replies.end_ns, found.replies.latency_ns)
        self.gaps.set_spans(
            Span(
                key=str(n), start_ns=g.t0_ns, end_ns=max(g.t1_ns, g.t0_ns + 1), label=f"{g.track}: {g.kind}",
                role="neutral" if g.kind in _MEANT else "bad", symbol="" if g.kind in _MEANT else "▲", hint=g.reason,
            )
            for n, g in enumerate(found.gaps)
        )  # fmt: skip
        self.fill_flags(found)

    def fill_flags(self, found: Lanes) -> None:
        """Markers and notes, of the session and of whoever looked at it since."""
        self.markers.set_flags(
            [
                Flag(
                    t_ns=f.t_ns,
                    label=f.text or (tr("marker") if f.kind == "marker" else f.kind),
                    role=_FLAG_ROLES.get(f.kind, "notice"),
                    symbol=_FLAG_SIGNS.get(f.kind, "⚑"),
                    key=f.id,
                    hint=" · ".join(t for t in (f.kind, f.who, f.when) if t),
                )
                for f in found.flags
            ]
        )


def beside(first: list[Lane], second: list[Lane]) -> list[Lane]:
    """Each lane of the second recording right below the one of the first that tells the same."""
    below = {lane.key.partition(".")[0]: lane for lane in second}
    return [found for lane in first for found in (lane, below.get(lane.key)) if found is not None]


def _speech(number: int, heard: SpeechHeard) -> Span:
    label = heard.text if heard.accepted else tr("did not understand")
    return Span(
        key=str(number), start_ns=heard.from_ns, end_ns=max(heard.to_ns, heard.from_ns + NS_PER_MS), label=label,
        role="you" if heard.accepted else "neutral", symbol="✓" if heard.accepted else "?",
        outlined=not heard.accepted, hint=refusal_text(heard.reason),
    )  # fmt: skip


def _words(words: tuple[SpokenWord, ...], role: Role) -> Iterator[Span]:
    for number, word in enumerate(words):
        # Of a word without an end only the onset is known; a short box stands for it, up to the next one.
        end = word.t1_ns
        if end is None:
            following = words[number + 1].t0_ns if number + 1 < len(words) else word.t0_ns + _WORD_NS
            end = min(word.t0_ns + _WORD_NS, max(following, word.t0_ns + NS_PER_MS))
        yield Span(
            key=f"{role}{number}", start_ns=word.t0_ns, end_ns=end, label=word.text, role=role,
            symbol="" if role == "you" else "›", hint=tr("you") if role == "you" else tr("model"),
        )  # fmt: skip


def _output(output: Output) -> Span:
    place = output.heard or output.received or (output.t_ns, output.t_ns + _WORD_NS)
    hints = [tr("complete at {t} s, micro-turn {turn}").format(t=f"{output.t_ns / NS_PER_S:.3f}", turn=output.turn)]
    hints += [tr("interrupted")] if output.interrupted else []
    hints += [] if output.heard else [tr("not played")]
    return Span(
        key=str(output.number), start_ns=place[0], end_ns=max(place[1], place[0] + NS_PER_MS),
        label=output.text, role="model", symbol="⤬" if output.interrupted else "", hint="\n".join(hints),
    )  # fmt: skip


def _cue(output: Output) -> Flag:
    label = str(output.value) if output.value is not None else output.text
    sign = _CUE_SIGNS.get(output.kind, "")
    return Flag(
        t_ns=output.t_ns, label=label, role=_CUE_ROLES.get(output.kind, "neutral"), symbol=sign,
        key=str(output.number), hint=output.kind,
    )  # fmt: skip


def _expected(wanted: Expected) -> Span:
    cue = tr("cue “{text}”").format(text=wanted.cue_text) if wanted.cue_text else ""
    label = f"{wanted.id} {wanted.meaning}".strip()
    start, end = wanted.window
    return Span(
        key=wanted.id, start_ns=start, end_ns=max(end, start + NS_PER_MS), label=label, role="model", outlined=True,
        hint="\n".join(t for t in (wanted.meaning, cue) if t),
    )  # fmt: skip


def _graded(wanted: Expected) -> Span:
    start, end = wanted.window
    words = wanted.outcome.replace("_", " ") or (tr("met") if wanted.passed else tr("not met"))
    role, symbol = _verdict(None if wanted.outcome == "ungraded" else wanted.passed)
    return Span(
        key=wanted.id, start_ns=start, end_ns=max(end, start + NS_PER_MS), label=words, role=role, symbol=symbol,
        hint=wanted.meaning,
    )  # fmt: skip


def _as_a_whole(found: Lanes) -> list[Span]:
    """Grades that are about the recording as a whole: the newest of each metric."""
    newest = {(g.suite, g.metric): g for g in found.grades}
    made = []
    for (suite, metric), grade in newest.items():
        role, symbol = _verdict(grade.passed)
        score = "" if grade.score is None else f" {grade.score:.3g}"
        made.append(
            Span(
                key=f"{suite} {metric}", start_ns=0, end_ns=max(1, found.duration_ns),
                label=f"{suite} · {metric}{score}", role=role, symbol=symbol, hint=grade.why,
            )
        )  # fmt: skip
    return made


def _verdict(passed: bool | None) -> tuple[Role, str]:
    return ("notice", "?") if passed is None else ("good", "✓") if passed else ("bad", "✕")
