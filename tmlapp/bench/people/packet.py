"""Blind packets: one folder per rater in which nothing but the sound tells the models apart.

Names are random, the order is another one for each rater, files hold nothing but what is judged and are all of one
date. What belongs to which model stands in a key that lies somewhere else.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from tmlapp.bench.people.loudness import MEASURE, TARGET_LUFS
from tmlapp.bench.people.packet_files import (
    KEY,
    KEY_SCHEMA,
    MEDIA,
    PACKET,
    PAGE,
    PREFERENCE,
    SIDES,
    Asked,
    packet_bytes,
    sha256_of_bytes,
)
from tmlapp.bench.people.packet_media import LENGTH_RULE, Clip, clip_of, finished, write_new
from tmlapp.bench.people.questions import Question, questions_of_run
from tmlapp.bench.people.verdicts import ASPECTS, Subject
from tmlapp.bench.runs.lines import dumped, written
from tmlapp.bench.runs.run import Run, load_run
from tmlapp.bench.sidecar import provenance
from tmlapp.core.errors import AppError

SHARE = 0.3
KINDS = (*ASPECTS, PREFERENCE)
_DATE = 946_684_800
"""1 January 2000: the date of every file and folder in a packet."""

_GUIDES = {
    "meaning": (
        "You hear what an assistant said, and read what it should have conveyed. Judge the meaning, not the wording: a "
        "paraphrase counts, in any language; polite words around it do not matter. Announcing that something will be "
        "said later does not count, nor does a reply that contradicts the expected meaning. When it was said is none "
        "of your concern."
    ),
    "timing": (
        "You hear the user and the assistant as they spoke. Judge only whether the assistant spoke within the time "
        "that is given, not what it said."
    ),
    "overall": "You hear the user and the assistant as they spoke. Judge whether the assistant did what was asked.",
    PREFERENCE: (
        "You hear two assistants with the same user. Choose the one that did better what was asked, or neither if you "
        "cannot tell. Both are equally loud."
    ),
}
_UNSURE = " If you cannot tell, say that you are unsure. Do not look for who made the recording."


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketRequest:
    """What to make.

    Attributes:
        runs: run folders; exactly two for a preference.
        out: new folder for the packets. key: new folder for the key; not inside `out`.
        raters: how many. share: of the questions that all raters get; each of the rest goes to one of them.
        kinds: aspects that are asked, or `preference` alone.
        seed: of names, order and sides; a new secret one if None. It is kept in the key only.
    """

    runs: Sequence[Path]
    out: Path
    key: Path
    raters: int = 3
    share: float = SHARE
    kinds: Sequence[str] = ("meaning",)
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketsMade:
    """Folders of the raters, the key, how many questions there are and each rater got, and what to know."""

    packet: str
    folders: tuple[Path, ...]
    key: Path
    n_questions: int
    n_shared: int
    per_rater: tuple[int, ...]
    seed: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        return plain | {
            "folders": [str(f) for f in self.folders], "key": str(self.key), "per_rater": list(self.per_rater),
            "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """A question as it may be asked: one clip, or two of which the sides are still to be thrown."""

    runs: tuple[int, ...]
    questions: tuple[Question, ...]
    aspect: str

    @property
    def subject(self) -> Subject:
        return self.questions[0].subject

    @property
    def clips(self) -> list[tuple[int, Subject, str]]:
        return [(run, self.subject, self.aspect) for run in self.runs]


@dataclass(slots=True)
class _Rater:
    name: str
    units: list[_Unit]
    sides: list[int] = field(default_factory=list)


def make_packets(request: PacketRequest) -> PacketsMade:
    """Write a packet for each rater, and the key.

    Raises:
        AppError: a run cannot be read, nothing in it can be asked, or a folder is there already or cannot be written.
    """
    _check(request)
    runs = [load_run(folder) for folder in request.runs]
    units = _units(runs, request.kinds)
    if not units:
        raise AppError(
            "There is nothing to judge.",
            f"The runs have no question about {' or '.join(request.kinds)}.",
            "Grade them first (tmlapp bench grade), or ask for other kinds.",
        )
    seed = secrets.randbits(63) if request.seed is None else request.seed
    throw = random.Random(f"tmlapp packet {seed}")
    packet = f"{throw.getrandbits(48):012x}"
    raters, shared = _shared_out(units, request, throw)
    sounds = _sounds(units)
    with _new(request.out), _new(request.key):
        keys = {rater.name: _write(request.out / rater.name, packet, rater, sounds, throw) for rater in raters}
        _date(request.out)
        key = {
            "schema": KEY_SCHEMA, "packet": packet, "seed": seed, **provenance(why="blind packets were made"),
            "kinds": list(request.kinds), "share": request.share, "n_shared": shared,
            "loudness": {"measure": MEASURE, "target": TARGET_LUFS}, "length": LENGTH_RULE,
            "runs": [_run_entry(run, request.key) for run in runs], "raters": keys,
        }  # fmt: skip
        write_new(request.key / KEY, dumped(key) + b"\n")
    return PacketsMade(
        packet=packet,
        folders=tuple(request.out / rater.name for rater in raters),
        key=request.key,
        n_questions=len(units),
        n_shared=shared,
        per_rater=tuple(len(rater.units) for rater in raters),
        seed=seed,
        notes=(*_named(units, runs), *_mute(units, runs), *_differing(units)),
    )


@contextmanager
def _new(folder: Path) -> Iterator[None]:
    """A new folder for what is written meanwhile; it is gone if anything fails, so that the names are free again."""
    with written(folder):
        folder.mkdir(parents=True)
        try:
            yield
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _check(request: PacketRequest) -> None:
    unknown = [kind for kind in request.kinds if kind not in KINDS]
    if unknown or not request.kinds or (PREFERENCE in request.kinds and len(request.kinds) > 1):
        raise AppError(
            f"Packets of {', '.join(request.kinds) or 'nothing'} cannot be made.",
            "A preference stands alone; other kinds can be mixed.",
            f"Use some of {', '.join(ASPECTS)}, or {PREFERENCE}.",
        )
    if PREFERENCE in request.kinds and len(request.runs) != 2:
        raise AppError(
            "A preference is asked between two runs.", f"{len(request.runs)} were named.", "Name exactly two."
        )
    if not request.runs or request.raters < 1 or not 0 <= request.share <= 1:
        raise AppError(
            "Packets cannot be made like this.",
            "They need a run, a rater, and a share from 0 to 1.",
            "Correct the command.",
        )
    out, key = request.out.resolve(), request.key.resolve()
    if out == key or out in key.parents:
        raise AppError(
            f"The key cannot lie in {request.out}.", "It would go to the raters.", "Name another folder with --key."
        )
    for folder in (request.out, request.key):
        if folder.exists():
            raise AppError(
                f"{folder} is there already.", "A packet is never written over another.", "Name a new folder."
            )


def _units(runs: Sequence[Run], kinds: Sequence[str]) -> list[_Unit]:
    asked = [{q.subject: q for q in questions_of_run(run)} for run in runs]
    if PREFERENCE in kinds:
        return _pairs(asked)
    return [
        _Unit((n,), (question,), question.subject.aspect)
        for n, questions in enumerate(asked)
        for question in questions.values()
        if question.subject.aspect in kinds
    ]


def _pairs(asked: Sequence[Mapping[Subject, Question]]) -> list[_Unit]:
    """One pair per item that both runs have answered."""
    firsts = [{q.subject.item: q for q in reversed(list(questions.values()))} for questions in asked]
    found: list[_Unit] = []
    for item, first in firsts[0].items():
        second = firsts[1].get(item)
        if second is not None:
            found.append(_Unit((0, 1), (first, second), PREFERENCE))
    return found


def _shared_out(units: Sequence[_Unit], request: PacketRequest, throw: random.Random) -> tuple[list[_Rater], int]:
    """Who gets what: a share to everybody, with every run and kind in it, and the rest to one rater each."""
    strata: dict[Hashable, list[_Unit]] = defaultdict(list)
    for unit in units:
        strata[unit.runs, unit.questions[0].group, unit.aspect].append(unit)
    for group in strata.values():
        throw.shuffle(group)
    # One of each stratum after the other, so that a share of them holds the same mixture.
    longest = max(len(group) for group in strata.values())
    mixed = [group[i] for i in range(longest) for group in strata.values() if i < len(group)]
    n_shared = len(mixed) if request.raters == 1 else round(request.share * len(mixed))
    shared, rest = mixed[:n_shared], mixed[n_shared:]
    throw.shuffle(rest)
    raters = [_Rater(f"rater-{n + 1}", [*shared, *rest[n :: request.raters]]) for n in range(request.raters)]
    for rater in raters:
        throw.shuffle(rater.units)
        # As many on one side as on the other, and nobody can tell which is next.
        rater.sides = [n % 2 for n in range(len(rater.units))]
        throw.shuffle(rater.sides)
    return raters, n_shared


def _sounds(units: Sequence[_Unit]) -> dict[Hashable, bytes]:
    clips: dict[Hashable, Clip] = {}
    groups: dict[Hashable, Hashable] = {}
    for unit in units:
        for name, question in zip(unit.clips, unit.questions, strict=True):
            clips[name] = clip_of(question, unit.aspect)
            groups[name] = (unit.subject.item, unit.subject.key, unit.aspect)
    return finished(clips, groups)


def _write(
    folder: Path, packet: str, rater: _Rater, sounds: Mapping[Hashable, bytes], throw: random.Random
) -> dict[str, Any]:
    """One rater's folder; what of it belongs into the key."""
    (folder / MEDIA).mkdir(parents=True)
    asked: list[Asked] = []
    media: dict[str, str] = {}
    questions: dict[str, Any] = {}
    for unit, side in zip(rater.units, rater.sides, strict=True):
        places = list(zip(unit.runs, unit.questions, unit.clips, strict=True))
        if side and len(places) > 1:
            places.reverse()
        names = [f"{throw.getrandbits(48):012x}.wav" for _ in places]
        for name, (_, _, clip) in zip(names, places, strict=True):
            write_new(folder / MEDIA / name, sounds[clip])
            media[name] = sha256_of_bytes(sounds[clip])
        question = _asked(f"{throw.getrandbits(48):012x}", unit, names, [q for _, q, _ in places])
        asked.append(question)
        subject = unit.subject
        questions[question.id] = {
            "item": subject.item, "key": subject.key, "aspect": unit.aspect, "runs": [run for run, _, _ in places],
            "media": names, "scale": list(question.scale),
        }  # fmt: skip
    data = packet_bytes(packet, rater.name, _guide(asked), asked, media)
    page = page_of(data)
    write_new(folder / PACKET, data)
    write_new(folder / PAGE, page)
    return {
        "packet_sha256": sha256_of_bytes(data), "page_sha256": sha256_of_bytes(page), "media": media,
        "questions": questions,
    }  # fmt: skip


def _asked(name: str, unit: _Unit, media: Sequence[str], questions: Sequence[Question]) -> Asked:
    first = questions[0]
    window = first.window_s if unit.aspect == "timing" else None
    whole = unit.aspect != "meaning"
    return Asked(
        id=name,
        aspect=unit.aspect,
        media=tuple(media),
        scale=SIDES if unit.aspect == PREFERENCE else first.scale,
        instruction=first.instruction,
        context="" if whole else first.context,
        expected="" if unit.aspect == PREFERENCE and first.subject.key != "main" else first.expected,
        accept=() if whole else first.accept,
        reject=() if whole else first.reject,
        said=() if unit.aspect in ("timing", PREFERENCE) else tuple(q.said for q in questions),
        # Rounded: what floats make of the difference depends on when the model's session began.
        window_s=window and (round(window[0] - first.media_t0_s, 3), round(window[1] - first.media_t0_s, 3)),
    )


def _guide(asked: Sequence[Asked]) -> str:
    kinds = dict.fromkeys(q.aspect for q in sorted(asked, key=lambda q: KINDS.index(q.aspect)))
    return " ".join(_GUIDES[kind] for kind in kinds) + ("" if PREFERENCE in kinds else _UNSURE)


def page_of(packet: bytes) -> bytes:
    """The page that a rater opens: everything but the sounds stands in it."""
    template = files("tmlapp.bench.people").joinpath("rate.html").read_text(encoding="utf-8")
    inline = packet.decode("ascii").replace("<", "\\u003c")
    return template.replace("/*PACKET*/", inline).replace("/*SHA256*/", sha256_of_bytes(packet)).encode("utf-8")


def _date(folder: Path) -> None:
    """One date for everything: the order in which files were made says nothing."""
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (_DATE, _DATE))


def _run_entry(run: Run, key: Path) -> dict[str, Any]:
    return {
        "folder": str(run.folder.resolve()),
        "relative": os.path.relpath(run.folder.resolve(), key.resolve()),
        "endpoint": run.info.endpoint,
        "suite": run.info.suite,
        "items_sha256": run.info.items_sha256,
        "created": run.info.created,
    }


def _named(units: Sequence[_Unit], runs: Sequence[Run]) -> tuple[str, ...]:
    """Answers in which a model says its own name: that no packet can hide."""
    told: list[str] = []
    for number, run in enumerate(runs):
        words = _names_in(run)
        n = sum(
            any(word in q.said.casefold() for word in words)
            for unit in units
            for k, q in zip(unit.runs, unit.questions, strict=True)
            if k == number
        )
        if n:
            told.append(f"in {n} answers the model of {run.folder.name} names itself, which a rater will hear")
    return tuple(told)


def _mute(units: Sequence[_Unit], runs: Sequence[Run]) -> tuple[str, ...]:
    """Answers without sound beside others that have one: silence would tell the models apart."""
    mute = [0] * len(runs)
    for unit in units:
        for number, question in zip(unit.runs, unit.questions, strict=True):
            mute[number] += question.wav is None or not question.wav.is_file()
    if not any(mute) or sum(mute) == sum(len(unit.runs) for unit in units):
        return ()
    told = (f"{n} of {run.folder.name}" for n, run in zip(mute, runs, strict=True) if n)
    return (f"answers without any sound, by which a rater can tell them apart: {', '.join(told)}",)


def _differing(units: Sequence[_Unit]) -> tuple[str, ...]:
    """Questions that are not worded alike for all runs, as when runs were graded in different ways."""
    wordings: dict[Hashable, set[Hashable]] = defaultdict(set)
    for unit in units:
        for question in unit.questions:
            asked = _asked("", _Unit((0,), (question,), unit.aspect), (), [question])
            wordings[question.subject.item, question.subject.key, unit.aspect].add(replace(asked, context="", said=()))
    n = sum(len(found) > 1 for found in wordings.values())
    return (f"{n} questions are not worded alike for all runs, by which a rater can tell them apart",) if n else ()


def _names_in(run: Run) -> list[str]:
    text = json.dumps([run.info.endpoint, dict(run.info.granted or {}).get("model", "")]).casefold()
    words = {w for w in "".join(c if c.isalnum() else " " for c in text).split() if len(w) > 3}
    return sorted(words - {"http", "https", "scripted", "local", "json", "model", "file", "home"})
