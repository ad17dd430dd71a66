"""What a person makes when recording items: a set of drafts, their takes, and what is expected in each take.

All times are whole samples at 16 kHz, 0 at the first sample of the take's sound: one sample is 62.5 µs, and seconds
with seven decimals write it exactly. Everything here is an immutable value; `commands` make new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

from tmlapp.bench.authoring import codec
from tmlapp.bench.authoring.checks import (
    check_item,
    check_name,
    check_set,
    check_speaker,
    check_take,
    is_inside,
)
from tmlapp.bench.authoring.times import RATE_HZ, SPARE_SAMPLES, ModelError, to_samples, to_seconds

__all__ = [
    "RATE_HZ",
    "SPARE_SAMPLES",
    "Expectation",
    "HasId",
    "ItemDraft",
    "ItemSet",
    "Kind",
    "ModelError",
    "N",
    "Source",
    "Span",
    "Speaker",
    "Suite",
    "Take",
    "UserWord",
    "check_item",
    "check_name",
    "check_set",
    "check_speaker",
    "check_take",
    "free_id",
    "from_json",
    "is_inside",
    "new_item_id",
    "to_json",
    "to_samples",
    "to_seconds",
    "with_item",
    "with_take",
]

Suite = Literal["timespeak", "cuespeak"]
Kind = Literal["time", "event"]


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
