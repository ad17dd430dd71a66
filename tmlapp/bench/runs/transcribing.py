"""The answers of a run, read from its recordings once more with somebody who listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer
from tmlapp.bench.answers import AnswerParams, Detector
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.drive_item import part_answer
from tmlapp.bench.runs.run import OFFICIAL, Run, item_folder_name, safe_name
from tmlapp.bench.runs.sounds import read_wav
from tmlapp.bench.runs.stopping import Stopping
from tmlapp.bench.suite import Suite
from tmlapp.bench.transcripts.base import Transcriber
from tmlapp.bench.transcripts.cache import CachedTranscriber
from tmlapp.bench.transcripts.registry import bound
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.core.errors import AppError

TRANSCRIPTS = "transcripts"


def transcribed(
    run: Run, suite: Suite, transcriber: Transcriber | None, stopping: Stopping | None = None
) -> dict[str, dict[str, Answer]]:
    """The answers of every item that was done.

    `transcriber` None: the endpoint's own text. What was transcribed is kept in the run and not asked for again.
    Suites that need the user's words get them, too: an aligner places those that the data tell.

    Raises:
        AppError: a recording cannot be read, or the transcriber fails.
        StoppedError: the person wants to stop.
    """
    stopping = stopping or Stopping()
    work = _Work(run, suite, transcriber)
    done = [(number, item) for number, item in enumerate(run.items) if not run.failure(item.id)]
    close: Callable[[], None] = getattr(transcriber, "close", lambda: None)
    stopping.closes(close)

    def answers_of(numbered: tuple[int, SuiteItem]) -> dict[str, Answer]:
        return stopping.run(lambda: work.answers(*numbered))

    parallel = max(1, int(getattr(transcriber, "parallel", 1)))
    try:
        with ThreadPoolExecutor(parallel, "transcribe") as pool:
            waiting = [pool.submit(answers_of, one) for one in done]
            try:
                return {item.id: future.result() for (_, item), future in zip(done, waiting, strict=True)}
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        close()


class _Work:
    def __init__(self, run: Run, suite: Suite, transcriber: Transcriber | None) -> None:
        self._run = run
        self._suite = suite
        self._kept = None if transcriber is None else CachedTranscriber(transcriber, run.folder / TRANSCRIPTS)
        self._vad: Detector | None = VoiceActivityDetector() if {"vad", "user_vad"} & suite.needs else None

    def answers(self, number: int, item: SuiteItem) -> dict[str, Answer]:
        return {name: self._answer(number, item, name) for name in self._run.results[item.id].parts}

    def _answer(self, number: int, item: SuiteItem, name: str) -> Answer:
        run, suite, kept = self._run, self._suite, self._kept
        words = kept is not None and "user_words" in suite.needs
        known = suite.user_text(item, name) if kept is not None and kept.aligns and words else ""
        params = AnswerParams(listen=suite.listen, user=words or "user_vad" in suite.needs, user_text=known)
        return part_answer(
            run.folder / "items" / item_folder_name(number, item.id),
            run.folder,
            run.results[item.id].parts[name],
            transcriber=bound(kept, item.id, name),
            user_transcriber=kept.for_user(item.id, name) if kept is not None and words else None,
            vad=self._vad,
            params=params,
        )


def write_official(
    run: Run, suite: Suite, answers: Mapping[str, Mapping[str, Answer]]
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write the official files of `run` anew with `answers`; their paths, or a note why they could not be written."""
    if type(suite).write_official is Suite.write_official:
        return (), ()
    folders = {item.id: run.folder / "items" / item_folder_name(n, item.id) for n, item in enumerate(run.items)}

    def sound(item: str, part: str) -> Any:
        return read_wav(folders[item] / f"{safe_name(part)}.wav")

    try:
        return tuple(suite.write_official(run.folder / OFFICIAL, run.items, answers, sound)), ()
    except AppError as error:
        return (), (f"The official files could not be written: {error}",)
