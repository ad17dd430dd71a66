"""A run folder: what was asked, what came of each item, and every grade, readable by people and other programs.

`run.json` says how it was made, `items.jsonl` what was asked, `items/<number>-<id>/` holds recordings, sounds and
`result.json` of each item, `answers.jsonl` what the model did, `grades.jsonl` every grade. Whatever interrupts the
work, what was done before stays, and nothing that is half written is taken for whole.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import SuiteItem, items_sha256
from tmlapp.bench.runs.info import ItemResult, RunInfo, differences
from tmlapp.bench.runs.lines import append_line, dumped, read_lines, write_lines, write_whole, written
from tmlapp.bench.runs.run import (
    ANSWERS,
    ITEMS,
    RESULT,
    RUN,
    check_names,
    is_run,
    item_folder_name,
    load_run,
    read_answers,
    read_info,
    read_result,
    safe_name,
)
from tmlapp.bench.runs.sounds import read_wav, write_wav
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.recording.lock import try_lock

__all__ = ["RunStore", "load_run", "read_wav", "safe_name", "write_result", "write_wav"]

_LOCK = ".lock"


class RunStore:
    """A run folder that this process writes; nobody else can meanwhile. A context manager that lets go of it.

    Results of items may be written from other processes (each to its own folder); answers, grades and `run.json` are
    written here.
    """

    def __init__(self, folder: Path, info: RunInfo, items: Sequence[SuiteItem], lock: IO[bytes]) -> None:
        self.folder = folder
        self.info = info
        self.items = tuple(items)
        self._numbers = {item.id: number for number, item in enumerate(self.items)}
        self._lock = lock

    @classmethod
    def create(cls, folder: Path, info: RunInfo, items: Sequence[SuiteItem], *, resume: bool = False) -> RunStore:
        """Begin a run in `folder`, or go on with the one that lies there.

        Args:
            info: what is asked for; hashes and number of the items are filled in here.
            items: in order, with the paths of this machine: data that have moved may be resumed.
            resume: an existing run is wanted; without one, a new run begins.

        Raises:
            AppError: another process writes it, it holds something else, it is a run and `resume` was not asked for,
                or it was run with other parameters (all of them are named).
        """
        _unique(items)
        check_names(items)
        info = replace(info, items_sha256=items_sha256(items), n_items=len(items))
        with written(folder):
            folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(folder)
        try:
            if is_run(folder):
                return cls._resumed(folder, info, items, lock, resume)
            others = sorted(p.name for p in folder.iterdir() if p.name not in (_LOCK, ITEMS, "items"))
            others = [name for name in others if not name.endswith(".new")]
            if others:
                raise AppError(
                    f"{folder} holds something else.",
                    f"It is no run, and not empty ({', '.join(others[:3])}).",
                    "Name a new folder.",
                )
            info = replace(info, created=info.created or _now())
            write_lines(folder / ITEMS, [item.to_json() for item in items])
            # Last: a folder with a run.json has everything else.
            write_whole(folder / RUN, dumped(info.to_json()))
        except BaseException:
            lock.close()
            raise
        return cls(folder, info, items, lock)

    @classmethod
    def _resumed(
        cls, folder: Path, info: RunInfo, items: Sequence[SuiteItem], lock: IO[bytes], resume: bool
    ) -> RunStore:
        if not resume:
            raise AppError(f"{folder} holds a run already.", "It would be mixed with this one.", "Add --resume.")
        before = read_info(folder)
        if told := differences(before, info):
            raise AppError(
                f"The run {folder} cannot be resumed like this.",
                f"It was made with other parameters: {'; '.join(told)}.",
                "Give the same ones, or another folder for a new run.",
            )
        # The same items by their digest, so a list that was damaged since can be made whole.
        lines = read_lines(folder / ITEMS)
        if lines.damaged or len(lines.values) != len(items):
            write_lines(folder / ITEMS, [item.to_json() for item in items])
        again = {
            "when": _now(), "versions": info.versions, "commit": info.commit, "command": info.command,
            "jobs": info.jobs, "engine": info.engine,
        }  # fmt: skip
        store = cls(folder, before, items, lock)
        # At once: items that follow are made by this version of the app, whatever ends it.
        store.update(finished="", voice=info.voice, resumed=(*before.resumed, again))
        return store

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        self._lock.close()

    def update(self, **changes: Any) -> None:
        """Change members of `run.json`.

        Raises:
            AppError: it cannot be written, or the folder is no longer the one that this was made with.
        """
        self._still_there()
        self.info = replace(self.info, **changes)
        write_whole(self.folder / RUN, dumped(self.info.to_json()))

    def finish(self) -> None:
        """State that no item is open."""
        self.update(finished=_now())

    def number_of(self, item_id: str) -> int:
        """Place of the item in the run, from 0.

        Raises:
            KeyError: the run has no such item.
        """
        return self._numbers[item_id]

    def item_folder(self, item_id: str) -> Path:
        """Where the recordings of `item_id` belong; not made here.

        Raises:
            KeyError: the run has no such item.
        """
        return self.folder / "items" / item_folder_name(self._numbers[item_id], item_id)

    def result(self, item_id: str) -> ItemResult | None:
        """What became of `item_id` so far."""
        return read_result(self.item_folder(item_id) / RESULT)

    def write_result(self, result: ItemResult) -> None:
        """Keep `result`, in one step.

        Raises:
            AppError: it cannot be written.
        """
        write_result(self.item_folder(result.id), result)

    def write_answers(self, item_id: str, answers: Mapping[str, Answer]) -> None:
        """Keep what the model did in each part; an earlier answer to the same item no longer counts.

        Raises:
            AppError: as `update`.
        """
        self._still_there()
        parts = {name: answer.to_json() for name, answer in answers.items()}
        append_line(self.folder / ANSWERS, {"id": item_id, "parts": parts})

    def _still_there(self) -> None:
        """Somebody who removes the folder would else find a run of which some items are left."""
        held = os.fstat(self._lock.fileno())
        try:
            found = (self.folder / _LOCK).stat()
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != (held.st_dev, held.st_ino):
            raise AppError(
                f"{self.folder} is no longer the folder of this run.",
                "It was removed or replaced while the run was being made, and what lay in it with it.",
                "Begin a new run, in a folder that nobody else uses.",
            )

    def answers(self) -> dict[str, dict[str, Answer]]:
        """Answers by item and part."""
        return read_answers(self.folder)[0]

    def sound(self, item_id: str, part: str) -> Pcm | None:
        """The model's sound of a part: int16 [n] at 16 kHz, as long as the media; None where there is none."""
        return read_wav(self.item_folder(item_id) / f"{safe_name(part)}.wav")


def write_result(folder: Path, result: ItemResult) -> None:
    """Keep `result` in the folder of its item, in one step.

    Raises:
        AppError: it cannot be written.
    """
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RESULT, dumped(result.to_json()))


def _unique(items: Sequence[SuiteItem]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise AppError(
                f"Two items are called {item.id!r}.", "Their results could not be told apart.", "Correct the data."
            )
        seen.add(item.id)


def _locked(folder: Path) -> IO[bytes]:
    with written(folder / _LOCK):
        lock = (folder / _LOCK).open("ab")
    if not try_lock(lock.fileno()):
        lock.close()
        raise AppError(
            f"{folder} is being written.", "Another tmlapp works on this run.", "Wait for it, or name another folder."
        )
    return lock


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
