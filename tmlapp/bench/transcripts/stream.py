"""What the endpoint itself wrote, with the time of each text: its sound where it has one, else its micro-turn.

No word onset is made up: inside a text with sound only its onset is known, unless an alignment gives more. A text
without sound has the times at which its parts were sent, the 0.2 s grid of the micro-turns for local models.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tmlapp.bench.answer import UTTERANCE_GAP_S, Utterance, Word, utterances_of
from tmlapp.bench.transcripts.placement import ModelSound, Piece
from tmlapp.core.event import Event, TextOut, TextOutDone
from tmlapp.core.units import NS_PER_S, TURN_NS

Timing = Literal["auto", "text"]
"""`auto`: the onset of the sound where a text has one; `text`: always the time at which it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One text of the endpoint, in session time.

    Attributes:
        t0_ns, t1_ns: onset and end; the end is known for sound only.
        timing: `audio` (its sound as placed) or `text` (when it was sent).
        parts: for `text`: session time and text of each part as it was sent.
        interrupted: not all of its sound was played. `finished`: the endpoint said that the text is complete.
    """

    text: str
    t0_ns: int
    t1_ns: int | None = None
    timing: Literal["audio", "text"] = "text"
    parts: tuple[tuple[int, str], ...] = ()
    interrupted: bool = False
    finished: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Everything said, in order of time, and the texts whose sound was thrown away before any of it was played."""

    spoken: tuple[Spoken, ...] = ()
    unheard: tuple[str, ...] = ()


@dataclass(slots=True)
class _Text:
    item_id: str
    response_id: str
    channel: str
    parts: list[tuple[int, str]] = field(default_factory=list)
    done: str | None = None
    pieces: list[Piece] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.done or "".join(text for _, text in self.parts)


def stream_of(events: Iterable[Event], sound: ModelSound, timing: Timing = "auto") -> Stream:
    """The texts among `events` (thoughts left out), timed by `sound`."""
    texts = _once([t for t in _texts(events) if t.text.strip()], sound.pieces)
    loose = _matched(texts, sound.pieces)
    spoken: list[Spoken] = []
    unheard: list[str] = []
    for text in texts:
        played = [p for p in text.pieces if p.t1_ns > p.t0_ns]
        finished = text.done is not None
        if timing == "text" or not text.pieces:
            parts, cut_off = tuple(text.parts), any(p.interrupted for p in text.pieces)
            said = Spoken(text=text.text, t0_ns=parts[0][0], parts=parts, interrupted=cut_off, finished=finished)
            spoken.append(said)
        elif played:
            spoken.append(_sounded(text.text, text.pieces, finished=finished))
        else:
            unheard.append(text.text)
    for pieces in loose:
        played = [p for p in pieces if p.t1_ns > p.t0_ns]
        if played:
            spoken.append(_sounded(_text_of(pieces), pieces, finished=True))
        else:
            unheard.append(_text_of(pieces))
    return Stream(spoken=tuple(sorted(spoken, key=lambda s: s.t0_ns)), unheard=tuple(unheard))


def _texts(events: Iterable[Event]) -> list[_Text]:
    """Texts in the order in which they began, deltas and their end put together."""
    found: list[_Text] = []
    unfinished: dict[tuple[str, str], _Text] = {}
    for event in events:
        if not isinstance(event, TextOut | TextOutDone) or event.channel == "thought":
            continue
        key = (event.item_id or event.response_id or "", event.channel)
        text = unfinished.get(key)
        if text is None:
            text = _Text(event.item_id or "", event.response_id or "", event.channel)
            found.append(text)
            unfinished[key] = text
        if isinstance(event, TextOut):
            text.parts.append((event.t_rx_ns, event.delta))
        else:
            text.done = event.text
            if not text.parts or "".join(t for _, t in text.parts).strip() != event.text.strip():
                # The final text counts; when the first of it was sent is still known.
                text.parts = [(text.parts[0][0] if text.parts else event.t_rx_ns, event.text)]
            del unfinished[key]
    return found


def _matched(texts: Sequence[_Text], pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Give each text its pieces of sound; those with a text of their own that nobody claims come back, by item."""
    items: dict[str, list[_Text]] = {}
    for text in texts:
        items.setdefault(text.item_id, []).append(text)
    last: dict[str, _Text] = {}
    left: list[Piece] = []
    for piece in pieces:
        owners = items.get(piece.item_id, []) if piece.item_id else []
        if not owners:
            left.append(piece)
            continue
        owner = _owner(owners, piece, last.get(piece.item_id))
        owner.pieces.append(piece)
        last[piece.item_id] = owner
    left = _by_words([t for t in texts if not t.pieces], left)
    left = _by_response([t for t in texts if not t.pieces], left)
    loose: dict[str, list[Piece]] = {}
    for n, piece in enumerate(left):
        if piece.text.strip():
            loose.setdefault(piece.item_id or f"#{n}", []).append(piece)
    return list(loose.values())


def _owner(owners: Sequence[_Text], piece: Piece, last: _Text | None) -> _Text:
    """Whose sound `piece` is, where several texts may have one item: those of one micro-turn, for example."""
    said = piece.text.strip()
    same = [t for t in owners if t.text.strip() == said]
    if said and same:
        return next((t for t in same if not t.pieces), same[-1])
    return last or owners[0]


def _by_words(texts: Sequence[_Text], pieces: Sequence[Piece]) -> list[Piece]:
    """Sound under another item that says the same words, with what follows it without words; the rest comes back."""
    waiting: dict[str, list[_Text]] = {}
    for text in texts:
        waiting.setdefault(text.text.strip(), []).append(text)
    left: list[Piece] = []
    last: tuple[str, _Text] | None = None
    for piece in pieces:
        said = piece.text.strip()
        candidates = waiting.get(said, [])
        if candidates and piece.t0_ns >= candidates[0].parts[0][0] - TURN_NS:
            last = (piece.item_id, candidates.pop(0))
            last[1].pieces.append(piece)
        elif last is not None and not said and piece.item_id and piece.item_id == last[0]:
            last[1].pieces.append(piece)
        else:
            last = None
            left.append(piece)
    return left


def _by_response(texts: Sequence[_Text], pieces: Sequence[Piece]) -> list[Piece]:
    """Sound without words of the same response, for the first text of it; the rest comes back."""
    waiting: dict[str, _Text] = {}
    for text in texts:
        if text.response_id:
            waiting.setdefault(text.response_id, text)
    left: list[Piece] = []
    for piece in pieces:
        if piece.response_id in waiting and not piece.text.strip():
            waiting[piece.response_id].pieces.append(piece)
        else:
            left.append(piece)
    return left


def _once(texts: Sequence[_Text], pieces: Sequence[Piece]) -> list[_Text]:
    """Where an item came as text and as the transcript of its sound, only one of them was said."""
    sounded = {p.item_id for p in pieces}
    both = {t.item_id for t in texts if t.channel == "transcript"} & {t.item_id for t in texts if t.channel == "say"}
    both -= {""}
    return [t for t in texts if t.item_id not in both or (t.channel == "transcript") == (t.item_id in sounded)]


def _text_of(pieces: Sequence[Piece]) -> str:
    found: list[str] = []
    for piece in pieces:
        # A long text may be repeated with every piece of its sound.
        if piece.text.strip() and (not found or found[-1] != piece.text.strip()):
            found.append(piece.text.strip())
    return " ".join(found)


def _sounded(text: str, pieces: Sequence[Piece], *, finished: bool) -> Spoken:
    played = [p for p in pieces if p.t1_ns > p.t0_ns]
    return Spoken(
        text=text,
        t0_ns=min(p.t0_ns for p in played),
        t1_ns=max(p.t1_ns for p in played),
        timing="audio",
        # A piece of which nothing was played was cut off, too.
        interrupted=any(p.interrupted for p in pieces),
        finished=finished,
    )


def words_sent(spoken: Spoken, t0_ns: int = 0) -> tuple[Word, ...]:
    """The words of a text without sound, each at the time at which its first letter was sent; 0 at `t0_ns`."""
    begins: list[int] = []
    length = 0
    for _, text in spoken.parts:
        begins.append(length)
        length += len(text)
    found = []
    for match in re.finditer(r"\S+", "".join(text for _, text in spoken.parts)):
        # The last part that begins here or before: an empty one holds no letter.
        t_ns = spoken.parts[bisect_right(begins, match.start()) - 1][0]
        found.append(Word((t_ns - t0_ns) / NS_PER_S, None, match.group()))
    return tuple(found)


def utterances_sent(stream: Stream, t0_ns: int = 0, gap_s: float = UTTERANCE_GAP_S) -> tuple[Utterance, ...]:
    """The texts as utterances on the clock whose 0 is session time `t0_ns`.

    Each text is an utterance of its own, for the endpoint itself said where it ends; one without sound that was sent
    with pauses of `gap_s` or more is several.
    """
    found: list[Utterance] = []
    for spoken in stream.spoken:
        if spoken.timing == "text":
            found.extend(utterances_of(words_sent(spoken, t0_ns), gap_s))
        else:
            end = None if spoken.t1_ns is None else (spoken.t1_ns - t0_ns) / NS_PER_S
            found.append(Utterance((spoken.t0_ns - t0_ns) / NS_PER_S, end, spoken.text.strip()))
    return tuple(sorted(found, key=lambda u: u.t0_s))


def shifted(words: Iterable[Word], by_s: float) -> tuple[Word, ...]:
    """`words`, `by_s` seconds later, to the nanosecond."""

    def at(t_s: float) -> float:
        return round(t_s + by_s, 9)

    return tuple(replace(w, t0_s=at(w.t0_s), t1_s=None if w.t1_s is None else at(w.t1_s)) for w in words)
