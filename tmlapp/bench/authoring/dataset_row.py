"""An item of a set as a line of `items.jsonl`, and a line as an item of a set.

Besides what the format knows, a line carries `script`, `split` and `speaker` (pseudonym, consent, consent_date,
language, device, room). Members that somebody else has added are kept at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from tmlapp.bench.authoring import model
from tmlapp.bench.authoring.expecting import default_window
from tmlapp.bench.authoring.model import (
    Expectation,
    ItemDraft,
    ItemSet,
    Span,
    Speaker,
    Suite,
    Take,
    UserWord,
    to_samples,
    to_seconds,
)
from tmlapp.bench.labels.speak_items import LENGTH_TOLERANCE_S, SCHEMA, SpeakItem
from tmlapp.bench.labels.speak_items import Expectation as Expected

KNOWN = (
    "schema", "suite", "id", "category", "lang", "input", "instruction", "user_words", "expectations", "stop_t",
    "notes", "author", "licence", "created_at", "script", "split", "speaker",
)  # fmt: skip
"""Members of a line, in the order in which we write them."""

GRADED = ("suite", "instruction", "user_words", "expectations", "stop_t")
"""Members that a grade depends on, besides the sound and the pictures."""


class RowError(ValueError):
    """Why an item cannot be a line, or a line no item."""


def row_of(
    state: ItemSet, item: ItemDraft, take: Take, *, audio: str, video: str = "", split: str = ""
) -> dict[str, Any]:
    """The line of `item` as recorded in `take`; times in seconds, exact to the sample.

    Args:
        audio, video: where the files lie, relative to `items.jsonl`.
        split: part of the dataset that it belongs to; empty: none.

    Raises:
        RowError: it is not known where the instruction is said.
    """
    if take.instruction is None:
        raise RowError("it is not known where the instruction is said")
    digests = {"audio": take.sha256, "video": take.video_sha256 or None}
    row: dict[str, Any] = {
        "schema": SCHEMA,
        "suite": item.suite,
        "id": item.id,
        "category": item.category,
        "lang": item.lang,
        "input": {
            "audio": audio,
            "video": video or None,
            "duration_s": to_seconds(take.samples),
            "sha256": digests,
        },
        "instruction": {"text": item.instruction, **_times(take.instruction)},
        "user_words": [{**_times(word.span), "text": word.text} for word in take.user_words],
        "expectations": [_expectation_row(e) for e in take.expectations],
        "stop_t": None if take.stop is None else to_seconds(take.stop),
        "notes": item.notes,
        "author": item.author or state.author,
        "licence": item.licence or state.licence,
        "created_at": item.created_at or take.created_utc,
        "script": item.script,
        "split": split or None,
        "speaker": asdict(state.speaker(take.speaker)) if take.speaker else None,
    }
    return row | {key: value for key, value in extra_of(item).items() if key not in row}


def _times(span: Span) -> dict[str, float]:
    return {"t0": to_seconds(span.t0), "t1": to_seconds(span.t1)}


def _expectation_row(value: Expectation) -> dict[str, Any]:
    return {
        "id": value.id,
        "cue": {"kind": value.kind, **_times(value.cue), "text": value.cue_text},
        "t_ref": to_seconds(value.t_ref),
        "window": [to_seconds(value.window.t0), to_seconds(value.window.t1)],
        "meaning": value.meaning,
        "accept": list(value.accept),
        "reject": list(value.reject),
        "required": value.required,
        "while_user_speaks": value.while_user_speaks,
    }


def extra_of(item: ItemDraft) -> dict[str, Any]:
    """Members that the format does not know; none where `extra` holds no JSON object."""
    if not item.extra:
        return {}
    try:
        found = json.loads(item.extra)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def graded_sha256(row: Mapping[str, Any]) -> str:
    """Digest of everything in a line that an answer or its grade depends on: notes and licences may change."""
    media = {"duration_s": row["input"]["duration_s"], "sha256": row["input"].get("sha256")}
    content = {**{key: row.get(key) for key in GRADED}, "input": media}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The files of a take, as they lie in the folder of the set."""

    audio: str
    samples: int
    sha256: str
    video: str = ""
    video_sha256: str = ""


def item_of(read: SpeakItem, media: Media, *, take: str) -> tuple[ItemDraft, Speaker | None, tuple[str, ...]]:
    """A line as an item with one take, its speaker, and what a person should know about the change of form.

    Windows that the line left to the default are written down. Times are moved to the nearest sample.

    Raises:
        RowError: a time lies outside the sound.
    """
    notes: list[str] = []
    place = _Placer(media.samples, notes)
    suite = cast(Suite, read.suite)
    speaker = _speaker(read.raw.get("speaker"))
    expectations = tuple(_expectation(e, suite, place) for e in read.expectations)
    made = Take(
        id=take,
        audio=media.audio,
        samples=media.samples,
        sha256=media.sha256,
        video=media.video,
        video_sha256=media.video_sha256,
        created_utc=str(read.raw.get("created_at", "")),
        speaker=speaker.id if speaker else "",
        instruction=place.span(read.instruction_s),
        user_words=tuple(UserWord(place.span((t0, t1)), text) for t0, t1, text in read.user_words),
        expectations=expectations,
        stop=None if read.stop_s is None else place.moment(read.stop_s),
    )
    if nested := foreign_members(read.raw):
        notes.append(f"members that the format does not know were left out: {', '.join(nested)}")
    item = ItemDraft(
        id=read.id,
        suite=suite,
        category=read.category,
        lang=read.lang,
        instruction=read.instruction,
        script=_free(read.raw, "script"),
        notes=_free(read.raw, "notes"),
        author=_free(read.raw, "author"),
        licence=_free(read.raw, "licence"),
        created_at=_free(read.raw, "created_at"),
        takes=(made,),
        best=made.id,
        extra=_extra(read.raw, speaker),
    )
    try:
        model.check_item(item)
        if speaker is not None:
            model.check_name(speaker.id, "speaker")
    except model.ModelError as error:
        raise RowError(str(error)) from error
    return item, speaker, tuple(notes)


def _expectation(read: Expected, suite: Suite, place: _Placer) -> Expectation:
    t_ref = place.moment(read.t_ref_s)
    window = default_window(suite, t_ref, place.samples)
    if read.window is not None:
        window = Span(to_samples(read.window[0]), to_samples(read.window[1]))
    return Expectation(
        id=read.id,
        kind=read.kind,
        cue=place.span(read.cue_s),
        t_ref=t_ref,
        window=window,
        cue_text=read.cue_text,
        meaning=read.meaning,
        accept=read.accept,
        reject=read.reject,
        required=read.required,
        while_user_speaks=read.while_user_speaks,
    )


class _Placer:
    """Times in seconds as samples of a sound; an end that a rounding put behind it is put on it."""

    def __init__(self, samples: int, notes: list[str]) -> None:
        self.samples = samples
        self._notes = notes

    def moment(self, seconds: float) -> int:
        at = to_samples(seconds)
        over = at - self.samples
        if over > to_samples(LENGTH_TOLERANCE_S):
            raise RowError(f"{seconds:g} s lies outside the {to_seconds(self.samples):g} s of the sound")
        if over > 0:
            self._notes.append(f"{seconds:g} s was set to the end of the sound")
        return min(at, self.samples)

    def span(self, seconds: tuple[float, float]) -> Span:
        return Span(self.moment(seconds[0]), self.moment(seconds[1]))


def _free(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name, "")
    return value if isinstance(value, str) else ""


def _speaker(raw: object) -> Speaker | None:
    """The speaker as we write it; anything else under that name is somebody else's and stays an unknown member."""
    if not isinstance(raw, dict) or set(raw) != set(Speaker.__dataclass_fields__):
        return None
    texts = [raw[name] for name in raw if name != "consent"]
    if not all(isinstance(text, str) for text in texts) or not isinstance(raw["consent"], bool):
        return None
    return Speaker(**raw)


def _extra(raw: Mapping[str, Any], speaker: Speaker | None) -> str:
    left = {key: value for key, value in raw.items() if key not in KNOWN}
    # What is ours only by name stays as it is, until an export writes its own.
    if speaker is None and raw.get("speaker") is not None:
        left["speaker"] = raw["speaker"]
    if not isinstance(raw.get("script", ""), str):
        left["script"] = raw["script"]
    return json.dumps(left, ensure_ascii=True, separators=(",", ":")) if left else ""


_INNER = {
    "input": ("audio", "video", "duration_s", "sha256"),
    "instruction": ("text", "t0", "t1"),
    "expectations": (
        "id", "cue", "t_ref", "window", "meaning", "accept", "reject", "required", "while_user_speaks",
    ),
    "user_words": ("t0", "t1", "text"),
}  # fmt: skip


def foreign_members(raw: Mapping[str, Any]) -> list[str]:
    """Members inside of others that the format does not know, as `expectations.weight`; a set has no place for them."""
    found: dict[str, None] = {}
    for name, known in _INNER.items():
        value = raw.get(name)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                found |= {f"{name}.{key}": None for key in part if key not in known}
    return list(found)
