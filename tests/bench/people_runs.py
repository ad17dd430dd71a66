"""Runs of a small CueSpeak set for tests of judging: real folders, sounds and grades, and no session driven."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.test_speak_items import ITEM, sound
from tests.bench.test_speak_suites import Table
from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.judges.base import Judge
from tmlapp.bench.runs.info import ItemResult, PartResult, RunInfo
from tmlapp.bench.runs.run import append_grade, load_run
from tmlapp.bench.runs.store import RunStore, write_wav
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.cuespeak import CueSpeak
from tmlapp.core.media import Pcm

RATE = 16_000


class Named(Table):
    """A table with a name of its own."""

    def __init__(self, name: str, verdicts: Mapping[str, Any] | None = None) -> None:
        super().__init__(verdicts)
        self.name = name


def item(number: int, category: str = "codeswitch") -> dict[str, Any]:
    """An item with two expectations: a butterfly from 6 to 9 s, a dog from 9 to 9.9 s."""
    raw = copy.deepcopy(ITEM)
    raw["id"], raw["category"] = f"cs-{number}", category
    second = copy.deepcopy(raw["expectations"][0])
    second.update(id="e2", window=[9.0, 9.9], meaning="says dog", accept=["dog"], reject=[], t_ref=9.0)
    raw["expectations"].append(second)
    return raw


def tone(seconds: float, hz: float, level: float = 6000.0) -> Pcm:
    t = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def make_run(
    folder: Path,
    endpoint: str,
    *,
    items: int = 4,
    said: str = "a butterfly",
    onset_s: float = 6.5,
    hz: float = 220.0,
    level: float = 6000.0,
    categories: Sequence[str] = ("codeswitch",),
    judges: Sequence[Judge] = (),
    ungraded: bool = False,
) -> Path:
    """A finished run of `endpoint` whose model says one thing in the first window, and "dog" in the second."""
    user = sound(folder.parent / "in.wav")
    listed = [
        SuiteItem(
            id=f"cs-{n}",
            truth=item(n, categories[n % len(categories)]),
            parts=(Part(silence_s=0.0, sounds=(str(user),)),),
            group=categories[n % len(categories)],
        )
        for n in range(items)
    ]
    info = RunInfo(suite="cuespeak", data=str(folder.parent), endpoint=endpoint, created=f"2026-11-22T10:00:{hz:04.0f}")
    with RunStore.create(folder, info, listed) as store:
        for one in listed:
            _answered(store, one, said, onset_s, hz, level)
        store.finish()
    if not ungraded:
        for judge in judges or (Named("rules@1"),):
            regrade(folder, judge)
    return folder


def _answered(store: RunStore, one: SuiteItem, said: str, onset_s: float, hz: float, level: float) -> None:
    pcm = np.zeros(10 * RATE, np.int16)
    for at_s in (onset_s, 9.1):
        begin = round(at_s * RATE)
        piece = tone(0.5, hz, level)[: len(pcm) - begin]
        pcm[begin : begin + len(piece)] = piece
    place = store.item_folder(one.id)
    place.mkdir(parents=True, exist_ok=True)
    write_wav(place / "main.wav", pcm)
    part = PartResult(
        name="main", recording="main.mcap", media_t0_s=0.0, duration_s=10.0, session_s=15.0, wav="main.wav"
    )
    store.write_result(ItemResult(id=one.id, state="done", parts={"main": part}))
    utterances = (Utterance(onset_s, onset_s + 0.5, said), Utterance(9.1, 9.6, "a dog"))
    store.write_answers(one.id, {"main": Answer(text=f"{said} a dog", utterances=utterances, duration_s=10.0)})


def regrade(folder: Path, judge: Judge) -> None:
    """Grade the run once more, by `judge`."""
    run = load_run(folder)
    entries = [Entry.of(i, run.answers.get(i.id), run.failure(i.id)) for i in run.items]
    grade = CueSpeak().grade(entries, profile="tml_reading", params={}, sources=Sources(judge=judge))
    append_grade(folder, grade)
