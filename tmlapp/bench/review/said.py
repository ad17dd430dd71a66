"""What the model and the user said, from the events of a recording, without reading any of its sound."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from tmlapp.bench.answer import Word
from tmlapp.bench.review.lanes import Output, Span, SpokenWord, Utterance
from tmlapp.bench.transcripts.placement import ModelSound, Piece, received_piece
from tmlapp.bench.transcripts.stream import Spoken, Stream, stream_of, words_sent
from tmlapp.core.cue import Cue, classify
from tmlapp.core.event import (
    AudioOut,
    Event,
    Heard,
    Interrupted,
    TextOut,
    TextOutDone,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.live.playout import LateSound
from tmlapp.live.virtual_playout import VirtualPlayout

_FOR_EVER_NS = 1 << 62


class ModelSaid:
    """Gathers what the model said while events go by; silence may stand for its sound."""

    def __init__(self) -> None:
        self._texts: list[Event] = []
        self._playout = VirtualPlayout()
        self._late = LateSound()
        self._sent: list[AudioOut] = []
        self._heard: list[Piece] = []
        self._received: list[Heard] = []
        self._onsets: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Take notice of an event; those that are not about speech are passed over."""
        late = self._late.late(event)
        match event:
            case TextOut() | TextOutDone():
                self._texts.append(event)
            case AudioOut(item_id=None, text=""):
                # Silence between utterances: the session names everything else.
                return
            case AudioOut() if not late:
                # What ended before cannot be interrupted any more, and need not be kept.
                self._advance(event.t_rx_ns - TURN_NS)
                self._playout.play(event, str(len(self._sent)))
                self._sent.append(event)
            case Interrupted():
                self._playout.flush(event.t_rx_ns)
            case Heard():
                self._heard.append(_piece(event))
                if event.audible_ns is not None:
                    self._onsets.setdefault(event.item_id, event.audible_ns - event.t_ns)
            case _:
                pass

    def _advance(self, to_ns: int) -> None:
        _, ended = self._playout.advance(to_ns)
        self._received += [e for e in ended if isinstance(e, Heard)]

    def received(self) -> Stream:
        """Everything said, where its sound came in."""
        self._advance(_FOR_EVER_NS)
        pieces = [received_piece(h, self._sent[int(h.item_id)]) for h in self._received]
        return stream_of(self._texts, ModelSound((), tuple(self._from_onset(pieces)), "received"))

    def _from_onset(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """Items of many pieces begin where they can first be heard, which is known of those that were played."""
        silent = dict(self._onsets)
        for piece in pieces:
            lead_ns = 0 if piece.text else silent.get(piece.item_id, 0)
            skipped_ns = min(lead_ns, piece.t1_ns - piece.t0_ns)
            silent[piece.item_id] = lead_ns - skipped_ns
            if piece.t0_ns + skipped_ns < piece.t1_ns or piece.t0_ns == piece.t1_ns:
                yield replace(piece, t0_ns=piece.t0_ns + skipped_ns)

    def heard(self) -> Stream:
        """Everything said, where the loudspeaker played it."""
        return stream_of(self._texts, ModelSound((), tuple(self._heard), "heard"))

    def finished(self) -> list[TextOutDone]:
        """Texts that were complete, thoughts left out."""
        return [e for e in self._texts if isinstance(e, TextOutDone) and e.channel != "thought"]


def _piece(heard: Heard) -> Piece:
    return Piece(
        t0_ns=heard.t_ns if heard.audible_ns is None else heard.audible_ns, t1_ns=heard.t_ns + heard.dur_ns,
        text=heard.text, item_id=heard.item_id,
        interrupted=heard.interrupted,
    )  # fmt: skip


def utterances(stream: Stream, *, sounded: bool = False) -> tuple[Utterance, ...]:
    """The texts of a stream; only those with sound if `sounded`."""
    return tuple(
        Utterance(t0_ns=s.t0_ns, t1_ns=s.t1_ns, text=s.text.strip(), timing=s.timing, interrupted=s.interrupted)
        for s in stream.spoken
        if s.timing == "audio" or not sounded
    )


def words_of(stream: Stream) -> tuple[SpokenWord, ...]:
    """Words of texts without sound, when they were sent; a text with sound stands as one, for only that is known."""
    found: list[SpokenWord] = []
    for spoken in stream.spoken:
        if spoken.timing == "audio":
            found.append(SpokenWord(t0_ns=spoken.t0_ns, t1_ns=spoken.t1_ns, text=spoken.text.strip()))
        else:
            found += timed_words(words_sent(spoken), 0)
    return tuple(sorted(found, key=lambda w: w.t0_ns))


def timed_words(words: Iterable[Word], t0_ns: int) -> tuple[SpokenWord, ...]:
    """Words on the item's clock, on the session's."""
    return tuple(
        SpokenWord(
            t0_ns=t0_ns + round(w.t0_s * NS_PER_S),
            t1_ns=None if w.t1_s is None else t0_ns + round(w.t1_s * NS_PER_S),
            text=w.text,
        )
        for w in words
    )


def outputs_of(
    received: Stream, heard: Stream, cues: Sequence[Cue], finished: Sequence[TextOutDone], answered: Sequence[Span]
) -> tuple[Output, ...]:
    """What the model said, each with its cue, its micro-turn, and where its sound lies.

    A text whose sound was thrown away before any of it was to be heard is an output, too: it was said.

    Args:
        cues: as they were shown.
        finished: texts that were complete, in the order in which they came.
        answered: receive time and index of every micro-turn that was answered, in order of time.
    """
    shown, played = _by_text(cues), _by_text(s for s in heard.spoken if s.timing == "audio")
    done = _by_text(finished)
    found = [_output(_complete_ns(s, done), s.text.strip(), s, shown, answered) for s in received.spoken]
    found += [_output(e.t_rx_ns, text, None, shown, answered) for text, left in done.items() for e in left if text]
    found.sort(key=lambda o: o.t_ns)
    return tuple(
        replace(o, number=n, heard=None if _unheard(o) else _heard_at(played.get(o.text, []), o))
        for n, o in enumerate(found, start=1)
    )


T = TypeVar("T", Cue, Spoken, TextOutDone)


def _by_text(values: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for value in values:
        found.setdefault(value.text.strip(), []).append(value)
    return found


def _complete_ns(spoken: Spoken, done: dict[str, list[TextOutDone]]) -> int:
    """When the text was complete at our side; its event is used up.

    The newest that came before its sound, for older ones were never heard; else the next one: the words of a sound
    that is still coming in are complete later.
    """
    waiting = done.get(spoken.text.strip(), [])
    if not waiting:
        return spoken.parts[0][0] if spoken.parts else spoken.t0_ns
    before = [i for i, event in enumerate(waiting) if event.t_rx_ns <= spoken.t0_ns]
    return waiting.pop(before[-1] if before else 0).t_rx_ns


def _output(
    t_ns: int, text: str, spoken: Spoken | None, shown: dict[str, list[Cue]], answered: Sequence[Span]
) -> Output:
    cue = _first(shown.get(text, []), t_ns)
    kind, value = classify(text) if cue is None else (cue.kind, cue.value)
    sounded = spoken is not None and spoken.timing == "audio" and spoken.t1_ns is not None
    return Output(
        number=0,
        t_ns=t_ns,
        kind=kind,
        text=text,
        value=value,
        turn=turn_at(t_ns, answered),
        received=(spoken.t0_ns, spoken.t1_ns or spoken.t0_ns) if spoken is not None and sounded else None,
        interrupted=spoken is None or spoken.interrupted,
    )


def _unheard(output: Output) -> bool:
    return output.interrupted and output.received is None


def _first(cues: list[Cue], t_ns: int) -> Cue | None:
    """The cue of that very moment, which is then used up; else none."""
    for i, cue in enumerate(cues):
        if cue.t_ns == t_ns:
            return cues.pop(i)
    return None


def _heard_at(spoken: list[Spoken], output: Output) -> Span | None:
    # The same word may be said often: its playing is the first one after it was received.
    from_ns = min(output.t_ns, output.received[0] if output.received else output.t_ns) - TURN_NS
    while spoken and spoken[0].t0_ns < from_ns:
        spoken.pop(0)
    if not spoken:
        return None
    first = spoken.pop(0)
    return (first.t0_ns, first.t0_ns if first.t1_ns is None else first.t1_ns)


def turn_at(t_ns: int, answered: Sequence[Span]) -> int:
    """The micro-turn whose answer came at `t_ns`: that answered nearest to it; by the clock where none is near.

    A text may be told just before or just after the word that its micro-turn is answered.
    """
    at = bisect_left(answered, (t_ns, -1))
    near = [answered[i] for i in (at - 1, at) if 0 <= i < len(answered)]
    best = min(near, key=lambda a: abs(a[0] - t_ns), default=None)
    if best is not None and abs(best[0] - t_ns) <= TURN_NS // 2:
        return best[1]
    return max(0, (t_ns - 1) // TURN_NS)


class UserSaid:
    """Gathers what the endpoint told about the user."""

    def __init__(self) -> None:
        self.said: list[Utterance] = []
        self._voice: list[Span] = []
        self._since: int | None = None

    def add(self, event: Event) -> None:
        """Take notice of an event; those that are not about the user are passed over."""
        if isinstance(event, UserSpeech):
            t_ns = event.t_rx_ns if event.t_media_ns is None else event.t_media_ns
            if event.state == "started":
                self._since = t_ns if self._since is None else self._since
            elif self._since is not None:
                self._voice.append((self._since, max(self._since, t_ns)))
                self._since = None
        elif isinstance(event, UserTranscript) and event.final and event.text.strip():
            t0_ns, t1_ns = self._place(event)
            self.said.append(Utterance(t0_ns=t0_ns, t1_ns=t1_ns, text=event.text.strip(), timing="event"))

    def _place(self, event: UserTranscript) -> tuple[int, int | None]:
        if event.t_media_ns is not None:
            dur_ns = event.dur_media_ns
            return event.t_media_ns, None if dur_ns is None else event.t_media_ns + dur_ns
        # It tells of the voice that ended last; without any, only when the text came is known.
        if self._since is not None:
            return self._since, event.t_rx_ns
        return self._voice[-1] if self._voice else (event.t_rx_ns, None)

    def voice(self, end_ns: int) -> tuple[Span, ...]:
        """Stretches in which the endpoint heard the user speak; one that has no end goes on to `end_ns`."""
        if self._since is not None:
            return (*self._voice, (self._since, max(self._since, end_ns)))
        return tuple(self._voice)
