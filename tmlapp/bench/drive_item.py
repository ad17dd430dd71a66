"""One item from its first part to its answers: what a worker of any engine does."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.answer import Answer
from tmlapp.bench.answers import AnswerParams, Detector, answer_of, model_sound, write_wav
from tmlapp.bench.background import with_agent
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.drive import Driven, DriveSettings, drive_part, history_turns
from tmlapp.bench.drive_voice import AppSpeech, RecordedSpeech, Speech
from tmlapp.bench.registry import suite_named
from tmlapp.bench.runs.info import ItemResult, PartResult
from tmlapp.bench.runs.lines import written
from tmlapp.bench.runs.run import RESULT, read_result, safe_name
from tmlapp.bench.runs.store import write_result
from tmlapp.bench.transcripts.base import Transcriber
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.core.endpoint import Endpoint, Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.event import SessionOpened
from tmlapp.core.event import to_json as event_to_json
from tmlapp.core.tool import Toolbox
from tmlapp.core.units import SAMPLE_RATE_HZ, s_to_ns
from tmlapp.endpoints.registry import endpoint_from_address
from tmlapp.live.voice import EspeakVoice
from tmlapp.recording.reader import Recording

TURN_STARTS = "turn_starts_s"
"""Member of `Answer.extra`: item time at which each of the user's sounds began."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTask:
    """One item to drive; travels to workers, so everything in it can be pickled.

    Attributes:
        folder: of the item, on a disk that the worker and the run share.
        run_folder: of the run; paths in answers are relative to it.
        data: folder of the user's data, where tools are read from.
        instructions: folder of recorded instructions; empty for the app's voice.
        needs: what the suite's graders look at besides text (`Suite.needs`).
    """

    item: SuiteItem
    folder: Path
    run_folder: Path
    suite: str
    data: Path
    endpoint: str
    instruct: Literal["spoken", "typed"]
    clock: Literal["real", "fast"]
    instructions: str = ""
    needs: frozenset[str] = frozenset()
    settings: DriveSettings = field(default_factory=DriveSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a task: the result as it was written, and the answers by part (none where it failed)."""

    result: ItemResult
    answers: Mapping[str, Answer] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"result": self.result.to_json(), "answers": {n: a.to_json() for n, a in self.answers.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        """The inverse of `to_json`.

        Raises:
            TypeError, KeyError: `value` is no outcome.
        """
        answers = {name: Answer.from_json(a) for name, a in value["answers"].items()}
        return cls(result=ItemResult.from_json(value["result"]), answers=answers)


def failed(task: ItemTask, reason: str) -> Outcome:
    """The outcome of an item that broke off, written to its folder; its tries are counted on."""
    before = read_result(task.folder / RESULT)
    result = ItemResult(id=task.item.id, state="failed", reason=reason, tries=before.tries + 1 if before else 1)
    write_result(task.folder, result)
    return Outcome(result=result)


class ItemDriver:
    """Drives items one after another in one process; voices and detectors are made once."""

    def __init__(self) -> None:
        self._voice = EspeakVoice()
        self._speech: dict[str, Speech] = {}
        self._vad: Detector | None = None
        self._endpoints: dict[str, Endpoint] = {}

    def __call__(self, task: ItemTask) -> Outcome:
        """Drive every part of the item. Whatever goes wrong is written down as its reason; nothing is raised."""
        try:
            return self._driven(task)
        except AppError as error:
            return failed(task, str(error))
        except Exception as error:  # noqa: BLE001 - one item's fault must not cost the others; it is kept with its reason
            _log.exception("the item %s failed", task.item.id)
            return failed(task, f"tmlapp has made a mistake: {type(error).__name__}: {error}")

    def _driven(self, task: ItemTask) -> Outcome:
        before = read_result(task.folder / RESULT)
        tries = before.tries + 1 if before else 1
        _emptied(task.folder)
        parts: dict[str, PartResult] = {}
        answers: dict[str, Answer] = {}
        granted: dict[str, Any] | None = None
        interrupted: list[str] = []
        for part in task.item.parts:
            driven = self._part(task, part)
            granted = granted or _granted(driven)
            parts[part.name] = with_sounds(task.folder, driven.part)
            if driven.interruption:
                told = f"{part.name}: {driven.interruption}"
                parts[part.name] = replace(parts[part.name], notes=(*parts[part.name].notes, told))
                interrupted.append(told)
            answers[part.name] = self.answer(task, parts[part.name])
        result = ItemResult(id=task.item.id, state="done", tries=tries, parts=parts, granted=granted)
        if interrupted and not suite_named(task.suite).allows_interruptions:
            # Times of a run with a hole in it mean nothing: it is kept, and not graded.
            result = replace(result, state="interrupted", reason=f"interrupted: {'; '.join(interrupted)}")
            answers = {}
        write_result(task.folder, result)
        return Outcome(result=result, answers=answers)

    def _part(self, task: ItemTask, part: Part) -> Driven:
        toolbox: Toolbox | None = None
        if part.tools:
            toolbox = suite_named(task.suite).toolbox(task.item, task.data)
        if task.settings.agent is not None:
            toolbox = with_agent(task.settings.agent, toolbox, direct=not task.settings.agent_only)
        return drive_part(
            task.item.id,
            part,
            task.endpoint,
            task.folder,
            task.settings,
            instruct=task.instruct,
            clock=task.clock,
            speech=self._spoken(task, part),
            synthesize=self._synthesizer(),
            toolbox=toolbox,
            history=history_turns(part),
            endpoint=self._endpoint(task),
        )

    def _endpoint(self, task: ItemTask) -> Endpoint | None:
        """A local model is loaded once for all items; every other endpoint is made anew for each."""
        if not task.endpoint.startswith("onnx:"):
            return None
        if task.endpoint not in self._endpoints:
            made = endpoint_from_address(task.endpoint, threads=task.settings.threads, keep=True)
            self._endpoints[task.endpoint] = made
        return self._endpoints[task.endpoint]

    def _spoken(self, task: ItemTask, part: Part) -> Speech | None:
        if task.instruct != "spoken" or not part.instruction:
            return None
        if task.instructions not in self._speech:
            made: Speech = RecordedSpeech(Path(task.instructions)) if task.instructions else AppSpeech()
            self._speech[task.instructions] = made
        return self._speech[task.instructions]

    def _synthesizer(self) -> Synthesizer | None:
        return self._voice.speak if self._voice.available() else None

    def answer(self, task: ItemTask, part: PartResult) -> Answer:
        """What the model did in a part that was driven, by its own text."""
        if {"vad", "user_vad"} & task.needs and self._vad is None:
            self._vad = VoiceActivityDetector()
        params = AnswerParams(user="user_vad" in task.needs)
        return part_answer(task.folder, task.run_folder, part, vad=self._vad, params=params)


def part_answer(
    folder: Path,
    run_folder: Path,
    part: PartResult,
    *,
    transcriber: Transcriber | None = None,
    user_transcriber: Transcriber | None = None,
    vad: Detector | None = None,
    params: AnswerParams | None = None,
) -> Answer:
    """The answer in the recording of `part`; its sound is named by its path inside the run.

    `extra["turn_starts_s"]` says when each of the user's sounds began, on the item's clock.

    Raises:
        AppError: the recording cannot be read, or the transcriber fails.
    """
    audio = str((folder / part.wav).relative_to(run_folder)) if part.wav else ""
    answer = answer_of(
        Recording.open(folder / part.recording),
        media_t0_ns=s_to_ns(part.media_t0_s),
        # Where the only input is a text, everything until the end of the session is the answer.
        duration_s=part.duration_s or None,
        transcriber=transcriber,
        user_transcriber=user_transcriber,
        vad=vad,
        params=params,
        audio=audio,
    )
    if not part.turn_starts_s:
        return answer
    starts = [round(max(0.0, start - part.media_t0_s), 9) for start in part.turn_starts_s]
    return replace(answer, extra={**answer.extra, TURN_STARTS: starts})


def with_sounds(folder: Path, part: PartResult) -> PartResult:
    """`part` with the model's sound written beside its recording: as long as the media, and what came after.

    Raises:
        AppError: a file cannot be read or written.
    """
    recording = Recording.open(folder / part.recording)
    media_s = part.duration_s or max(0.0, part.session_s - part.media_t0_s)
    sound, tail = model_sound(recording, s_to_ns(part.media_t0_s), round(media_s * SAMPLE_RATE_HZ))
    names = (f"{safe_name(part.name)}.wav", f"{safe_name(part.name)}.tail.wav")
    for name, pcm in zip(names, (sound, tail), strict=True):
        write_wav(folder / name, pcm)
    return replace(part, wav=names[0], tail_wav=names[1])


def _granted(driven: Driven) -> dict[str, Any] | None:
    if driven.granted is None:
        return None
    plain: dict[str, Any] = event_to_json(SessionOpened(granted=driven.granted))["granted"]
    return plain


def _emptied(folder: Path) -> None:
    """Make `folder`, without what an earlier try has left; its result stays until there is a new one."""
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != RESULT:
                path.unlink()
