"""What a person makes when recording items: a set of drafts, their takes, and what is expected in each take.

All times are whole samples at 16 kHz, 0 at the first sample of the take's sound: one sample is 62.5 µs, and seconds
with seven decimals write it exactly. Everything here is an immutable value; `commands` make new ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Literal, Protocol, TypeVar

from tmlapp.bench.authoring import codec
from tmlapp.bench.authoring.codec import FormError

RATE_HZ = 16_000
SPARE_SAMPLES = 10 * RATE_HZ
"""A window may end this long after the sound."""

Suite = Literal["timespeak", "cuespeak"]
Kind = Literal["time", "event"]
_ID = re.compile(r"[a-z0-9-]+")
_LIMIT = 1 << 53
"""Numbers from here on are not exact in every reader of JSON."""


class ModelError(FormError):
    """Why a value cannot be part of a set."""


def to_seconds(samples: int) -> float:
    """Seconds as files write them: seven decimals hold a whole sample exactly."""
    return round(samples / RATE_HZ, 7)


def to_samples(seconds: float) -> int:
    """The sample nearest to `seconds`; the inverse of `to_seconds`.

    Raises:
        ModelError: it is no number of seconds (NaN, infinite, or beyond what a file can hold).
    """
    if not abs(seconds) < _LIMIT / RATE_HZ:
        raise ModelError(f"{seconds} is no number of seconds")
    return round(seconds * RATE_HZ)


@dataclass(frozen=True, slots=True)
class Span:
    """From sample `t0` to sample `t1`."""

    t0: int
    t1: int

    def shifted(self, by: int) -> Span:
        """The same span `by` samples later."""
        return Span(self.t0 + by, self.t1 + by)

    def overlaps(self, other: Span) -> bool:
        """The two share more than an edge."""
        return self.t0 < other.t1 and other.t0 < self.t1


@dataclass(frozen=True, slots=True)
class UserWord:
    """A word or phrase of the user's, and when it is said."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the model has to say, and when.

    Attributes:
        id: unique in the take. kind: `time`: the cue is the due moment (t0 = t1); `event`: the span of the cue.
        cue: span of what makes the model speak. cue_text: what is said there.
        t_ref: the reference moment: the due moment, or the end of the cue.
        window: when speech counts, both ends included; always explicit.
        meaning: what the reply must convey. accept, reject: example wordings.
        while_user_speaks: the window lies inside the user's speech; None: not said.
    """

    id: str
    kind: Kind
    cue: Span
    t_ref: int
    window: Span
    cue_text: str = ""
    meaning: str = ""
    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    required: bool = True
    while_user_speaks: bool | None = None


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, under a pseudonym. `consent` says that it was given, `consent_date` when (YYYY-MM-DD)."""

    id: str
    consent: bool = False
    consent_date: str = ""
    language: str = ""
    device: str = ""
    room: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a take's sound comes from.

    Attributes:
        kind: `recording`: a stretch of a session; `import`: a file of sound or video.
        name: file name of it. sha256: of that file.
        kept: where the original lies in the set, relative to its folder; empty where it is not kept.
        start_ns, end_ns: the stretch in session time; None where the whole file was taken.
    """

    kind: Literal["recording", "import"]
    name: str
    sha256: str = ""
    kept: str = ""
    start_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """One recording of an item. Paths are relative to the folder of the set, with forward slashes.

    Attributes:
        id: unique in the item. audio: 16 kHz mono PCM16 wav of `samples` samples; `sha256` is the file's.
        video: mp4 from the same moment on, or empty; `video_sha256` is its digest. recording: the `.mcap`, or empty.
        speaker: id of a speaker of the set, or empty.
        instruction: where the instruction is said. stop: when the user asks to stop.
        discarded: kept, but no longer offered.
    """

    id: str
    audio: str
    samples: int
    sha256: str
    video: str = ""
    video_sha256: str = ""
    recording: str = ""
    source: Source | None = None
    created_utc: str = ""
    speaker: str = ""
    instruction: Span | None = None
    user_words: tuple[UserWord, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    stop: int | None = None
    discarded: bool = False

    def expectation(self, name: str) -> Expectation:
        """The expectation called `name`.

        Raises:
            KeyError: there is none.
        """
        return _named(self.expectations, name)

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that the take needs."""
        kept = self.source.kept if self.source else ""
        return tuple(name for name in (self.audio, self.video, self.recording, kept) if name)


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """An item in the making.

    Attributes:
        instruction: what the user asks for, in words. script: what the speaker reads aloud.
        takes: in the order they were recorded. best: id of the take that is exported, or None.
        extra: members of an imported item that the format does not know, as one JSON object, or empty.
    """

    id: str
    suite: Suite
    category: str = ""
    lang: str = ""
    instruction: str = ""
    script: str = ""
    notes: str = ""
    author: str = ""
    licence: str = ""
    created_at: str = ""
    takes: tuple[Take, ...] = ()
    best: str | None = None
    extra: str = ""

    def take(self, name: str) -> Take:
        """The take called `name`.

        Raises:
            KeyError: there is none.
        """
        return _named(self.takes, name)

    @property
    def best_take(self) -> Take | None:
        """The take that was chosen."""
        return None if self.best is None else self.take(self.best)


@dataclass(frozen=True, slots=True)
class ItemSet:
    """Everything that `set.json` holds. `suite` is that of new items; `changelog` is free text for the export."""

    name: str = ""
    suite: Suite = "timespeak"
    version: str = ""
    licence: str = ""
    author: str = ""
    description: str = ""
    changelog: str = ""
    speakers: tuple[Speaker, ...] = ()
    items: tuple[ItemDraft, ...] = ()

    def item(self, name: str) -> ItemDraft:
        """The item called `name`.

        Raises:
            KeyError: there is none.
        """
        return _named(self.items, name)

    def speaker(self, name: str) -> Speaker:
        """The speaker called `name`.

        Raises:
            KeyError: there is none.
        """
        return _named(self.speakers, name)

    @property
    def files(self) -> frozenset[str]:
        """Every file that some take needs."""
        return frozenset(name for item in self.items for take in item.takes for name in take.files)


class HasId(Protocol):
    """A value with an id."""

    @property
    def id(self) -> str: ...


N = TypeVar("N", bound=HasId)


def _named(values: Iterable[N], name: str) -> N:
    for value in values:
        if value.id == name:
            return value
    raise KeyError(name)


def to_json(state: ItemSet) -> dict[str, Any]:
    """`state` as plain JSON values; times stay whole samples."""
    found: dict[str, Any] = codec.to_json(state)
    return found


def from_json(raw: object) -> ItemSet:
    """The set that `to_json` wrote, checked.

    Raises:
        FormError: something is missing, of another type, or contradicts something else.
    """
    state = codec.from_json(ItemSet, raw)
    check_set(state)
    return state


def check_set(state: ItemSet) -> None:
    """Nothing in `state` contradicts itself.

    Raises:
        ModelError: naming the place.
    """
    _unique([s.id for s in state.speakers], "speaker")
    _unique([i.id for i in state.items], "item")
    for speaker in state.speakers:
        check_name(speaker.id, "speaker")
    for item in state.items:
        check_item(item)
        for take in item.takes:
            check_speaker(state, take)


def check_speaker(state: ItemSet, take: Take) -> None:
    """The take's speaker is one of the set's.

    Raises:
        ModelError: it is not.
    """
    if take.speaker and take.speaker not in [s.id for s in state.speakers]:
        raise ModelError(f"the take {take.id} names a speaker {take.speaker!r} whom the set does not have")


def check_item(item: ItemDraft) -> None:
    """The item and its takes do not contradict themselves.

    Raises:
        ModelError: naming the place.
    """
    check_name(item.id, "item")
    _unique([t.id for t in item.takes], f"take of {item.id}")
    for take in item.takes:
        check_take(take)
    if item.best is not None:
        if item.best not in [t.id for t in item.takes]:
            raise ModelError(f"{item.id} has no take {item.best!r} that could be its best")
        if item.take(item.best).discarded:
            raise ModelError(f"the take {item.best} of {item.id} is discarded and cannot be its best")


def check_take(take: Take) -> None:
    """All times lie in the take, windows at most ten seconds behind it.

    Raises:
        ModelError: naming the place.
    """
    check_name(take.id, "take")
    for name in take.files:
        if not is_inside(name):
            raise ModelError(f"the take {take.id} names a file outside the set: {name!r}")
    if not take.audio:
        raise ModelError(f"the take {take.id} has no sound")
    if not 0 < take.samples < _LIMIT:
        raise ModelError(f"the take {take.id} has {take.samples} samples")
    if take.instruction is not None:
        _within(take.instruction, take.samples, "the instruction")
    for word in take.user_words:
        _within(word.span, take.samples, f"the word {word.text[:40]!r}")
    if take.stop is not None and not 0 <= take.stop <= take.samples:
        raise ModelError(f"the request to stop at {_s(take.stop)} lies outside the {_s(take.samples)} of the take")
    _unique([e.id for e in take.expectations], f"expectation of {take.id}")
    for expectation in take.expectations:
        _check_expectation(expectation, take.samples)


def _check_expectation(value: Expectation, samples: int) -> None:
    what = f"the expectation {value.id}"
    if not value.id.strip():
        raise ModelError("an expectation has no id")
    _within(value.cue, samples, f"the cue of {what}")
    if not 0 <= value.t_ref <= samples:
        raise ModelError(f"the reference of {what} at {_s(value.t_ref)} lies outside the {_s(samples)} of the take")
    lo, hi = value.window.t0, value.window.t1
    if hi <= lo:
        raise ModelError(f"the window of {what} ends ({_s(hi)}) no later than it begins ({_s(lo)})")
    if lo < 0 or hi > samples + SPARE_SAMPLES:
        last = _s(samples + SPARE_SAMPLES)
        raise ModelError(f"the window of {what}, {_s(lo)} to {_s(hi)}, lies outside 0 s to {last}")


def _within(span: Span, samples: int, what: str) -> None:
    if span.t1 < span.t0:
        raise ModelError(f"{what} ends ({_s(span.t1)}) before it begins ({_s(span.t0)})")
    if span.t0 < 0 or span.t1 > samples:
        raise ModelError(f"{what}, {_s(span.t0)} to {_s(span.t1)}, lies outside the {_s(samples)} of the take")


def check_name(name: str, what: str) -> None:
    """An id that may stand in file names and in `items.jsonl`.

    Raises:
        ModelError: it has other characters than a-z, 0-9 and -, none, or too many.
    """
    if not _ID.fullmatch(name):
        raise ModelError(f"the id {name[:60]!r} of the {what} has other characters than a-z, 0-9 and -, or none")
    if len(name) > 100:
        raise ModelError(f"the id of the {what} has {len(name)} characters, more than 100")


def is_inside(name: str) -> bool:
    """A relative path with forward slashes that stays in the folder, on every system."""
    parts = PurePosixPath(name).parts
    return not (name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name)


def _unique(names: list[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ModelError(f"two are called {name[:60]!r}: each {what} has an id of its own")
        seen.add(name)


def _s(samples: int) -> str:
    return f"{to_seconds(samples):.10g} s"


def free_id(taken: Iterable[str], stem: str, *, digits: int = 1) -> str:
    """`stem` with the first number, from 1, that is not `taken`: e1, e2, …; with `digits`, cs-0001, ….

    A name that is free again after a removal is given again.
    """
    names = set(taken)
    number = 1
    while (name := f"{stem}{number:0{digits}d}") in names:
        number += 1
    return name


def new_item_id(state: ItemSet, suite: Suite) -> str:
    """The next free id of an item: `ts-0001`, `cs-0001`, …."""
    return free_id((i.id for i in state.items), "ts-" if suite == "timespeak" else "cs-", digits=4)


def with_item(state: ItemSet, name: str, change: Callable[[ItemDraft], ItemDraft]) -> ItemSet:
    """`state` with the item called `name` changed.

    Raises:
        KeyError: there is none.
    """
    state.item(name)
    return replace(state, items=tuple(change(i) if i.id == name else i for i in state.items))


def with_take(item: ItemDraft, name: str, change: Callable[[Take], Take]) -> ItemDraft:
    """`item` with the take called `name` changed.

    Raises:
        KeyError: there is none.
    """
    item.take(name)
    return replace(item, takes=tuple(change(t) if t.id == name else t for t in item.takes))
