"""Try it: plays an item into an endpoint as a benchmark run would, and says at once what came of it.

The item goes the way of `tmlapp bench run` and `tmlapp bench grade`: the same session, the same reading of the answer,
the same suite. The same answer therefore has the same verdict here and there.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer
from tmlapp.bench.authoring.dataset_row import RowError, graded_sha256, row_of
from tmlapp.bench.authoring.model import ItemSet, Take
from tmlapp.bench.authoring.trying_session import (
    AskedClock,
    Cancel,
    CancelledError,
    OnProgress,
    Play,
    Progress,
    own_folder,
    played,
)
from tmlapp.bench.authoring.trying_tried import (
    Meaning,
    Timing,
    Tried,
    TryLog,
    keep_try,
    meaning_of,
    read_tries,
    timing_of,
)
from tmlapp.bench.data import SuiteItem, items_sha256
from tmlapp.bench.drive import DriveSettings
from tmlapp.bench.judges.base import Judge, NoJudge, close_of
from tmlapp.bench.judges.cache import CachedJudge
from tmlapp.bench.judges.panel import Surroundings, judge_from_address
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.labels.speak_items import ItemError, SpeakItem, check_media, parse_item
from tmlapp.bench.registry import suite_named
from tmlapp.bench.sidecar import provenance
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.speak_base import suite_item, utterances_in
from tmlapp.bench.suites.speak_params import speak_params
from tmlapp.bench.suites.speak_scoring import in_onset_order
from tmlapp.core.clock import Clock
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

__all__ = [
    "Cancel",
    "CancelledError",
    "Meaning",
    "Progress",
    "Timing",
    "Tried",
    "TryLog",
    "TryRequest",
    "grade_again",
    "item_sha256",
    "read_tries",
    "try_item",
    "try_on",
]

VERDICTS = "tries.verdicts.jsonl"
"""What judges ruled about tries, so that nothing is asked twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryRequest:
    """What to try, where, and by which rule.

    Attributes:
        item: its id. take: id of the take; empty: the best.
        endpoint: any address.
        judges: addresses as of `judge_from_address`; empty: nobody, only the timing is judged.
        profile, params: of the suite.
        clock: `auto` is virtual time for local endpoints, and real time for all others.
        transcripts: address of a transcriber; empty: the endpoint's own text.
        ask: shows a text and returns a line, for human judges.
    """

    item: str
    endpoint: str
    take: str = ""
    judges: tuple[str, ...] = ("rules",)
    profile: str = "tml_reading"
    params: Mapping[str, Any] = field(default_factory=dict)
    clock: AskedClock = "auto"
    transcripts: str = ""
    settings: DriveSettings = field(default_factory=DriveSettings)
    ask: Callable[[str], str] | None = None
    why: str = "tried"


@dataclass(frozen=True, slots=True)
class _Item:
    """The item as it is tried."""

    take: Take
    read: SpeakItem
    played: SuiteItem
    sha256: str


def item_sha256(state: ItemSet, item: str, take: str = "") -> str:
    """Digest of what a try of the item depends on, as it is now; empty where it cannot be tried at all.

    Raises:
        KeyError: there is no such item or take.
    """
    draft = state.item(item)
    chosen = draft.take(take) if take else draft.best_take
    if chosen is None or chosen.instruction is None:
        return ""
    return graded_sha256(row_of(state, draft, chosen, audio=chosen.audio, video=chosen.video))


def try_item(
    state: ItemSet,
    folder: Path,
    request: TryRequest,
    *,
    on_progress: OnProgress = lambda _: None,
    cancel: Cancel | None = None,
    endpoint: Endpoint | None = None,
    judge: Judge | None = None,
    ticks: Clock | None = None,
) -> Tried:
    """Play the item into the endpoint, grade what it said, and keep both in the set; blocks until that is done.

    An endpoint that cannot be used, or that breaks off, is a try with an `error`, kept like any other.

    Args:
        folder: of the set.
        on_progress: called on other threads.
        endpoint, judge: instead of looking up their addresses. ticks: the machine's clock if left out.

    Raises:
        AppError: the item cannot be played (it has no take, its sound is missing, a member is not valid), the judge or
            a parameter cannot be used, or the outcome cannot be written.
        CancelledError: the person has called it off.
    """
    cancel = cancel or Cancel()
    item = _chosen(state, folder, request)
    params = speak_params(item.read.suite, request.profile, request.params)
    judge = judge or _judge(folder, request, item)
    try:
        cancel.check()
        play = Play(
            folder=folder, place=own_folder(folder, request.item, request.endpoint), item=item.played,
            duration_s=item.read.duration_s, address=request.endpoint, clock=request.clock,
            settings=request.settings, transcripts=request.transcripts, voice=params.onset == "audio_onset",
            endpoint=endpoint, ticks=ticks,
        )  # fmt: skip
        return _tried(folder, request, item, judge, play, on_progress, cancel)
    finally:
        close_of(judge)()


def try_on(
    state: ItemSet,
    folder: Path,
    request: TryRequest,
    endpoints: Sequence[str],
    *,
    on_progress: OnProgress = lambda _: None,
    cancel: Cancel | None = None,
    on_tried: Callable[[Tried], None] = lambda _: None,
) -> tuple[Tried, ...]:
    """The item on several endpoints, one after another; a row each.

    Raises:
        AppError, CancelledError: as `try_item`; what was tried before is kept.
    """
    found: list[Tried] = []
    for address in endpoints:
        asked = replace(request, endpoint=address)
        found.append(try_item(state, folder, asked, on_progress=on_progress, cancel=cancel))
        on_tried(found[-1])
    return tuple(found)


def grade_again(
    state: ItemSet, folder: Path, before: Tried, request: TryRequest, *, judge: Judge | None = None
) -> Tried:
    """The same answer against the item as it is now, or by another judge; the endpoint is not run again.

    Raises:
        AppError: the sound was changed since, there is no answer, or as `try_item`.
    """
    item = _chosen(state, folder, replace(request, item=before.item, take=request.take or before.take))
    if before.answer is None:
        raise AppError("There is nothing to grade.", "The try has no answer.", "Try the item again.")
    if before.sound_sha256 != item.take.sha256:
        raise AppError("The try cannot be graded again.", "It heard another sound.", "Try the item again.")
    judge = judge or _judge(folder, request, item)
    try:
        graded = _graded(before, item, before.answer, request, judge)
    finally:
        close_of(judge)()
    made = replace(graded, id=uuid.uuid4().hex, of=before.of or before.id, **_now("graded again"))
    keep_try(folder, made)
    return made


# ---------------------------------------------------------------------- before


def _chosen(state: ItemSet, folder: Path, request: TryRequest) -> _Item:
    name = request.item
    try:
        draft = state.item(name)
        take = draft.take(request.take) if request.take else draft.best_take
    except KeyError as error:
        raise _cannot(name, f"The set has no {error.args[0]!r}") from error
    if take is None:
        raise _cannot(name, "It has no take")
    try:
        row = row_of(state, draft, take, audio=take.audio, video=take.video)
        read = parse_item(row)
        check_media(read, folder)
    except (RowError, ItemError) as error:
        raise _cannot(name, str(error)) from error
    return _Item(take, read, suite_item(read, folder), graded_sha256(row))


def _cannot(item: str, why: str) -> AppError:
    return AppError(
        f"{item} cannot be tried.", f"{why[:1].upper()}{why[1:]}.", "Mend what its findings name, and try again."
    )


def _judge(folder: Path, request: TryRequest, item: _Item) -> Judge:
    if not request.judges:
        return NoJudge()
    suite = suite_named(item.read.suite)
    around = Surroundings(ask=request.ask, verdicts=lambda path: suite.recorded_verdicts(path, [item.played]))
    judge = judge_from_address(request.judges, around)
    return judge if isinstance(judge, NoJudge | RecordedJudge) else CachedJudge(judge, folder / VERDICTS)


# ---------------------------------------------------------------------- the session


def _tried(
    folder: Path,
    request: TryRequest,
    item: _Item,
    judge: Judge,
    play: Play,
    on_progress: OnProgress,
    cancel: Cancel,
) -> Tried:
    made = Tried(
        id=uuid.uuid4().hex, item=request.item, take=item.take.id, item_sha256=item.sha256,
        sound_sha256=item.take.sha256, endpoint=request.endpoint, **_now(request.why),
    )  # fmt: skip
    on_progress(Progress(endpoint=request.endpoint, phase="opening"))
    try:
        done = played(play, on_progress, cancel)
        answer = done.answer
        made = replace(
            made, clock=done.clock, granted=done.granted, recording=done.recording, duration_s=done.session_s,
            answer=answer, wav=answer.audio, timing=_timing(item, answer, request),
        )  # fmt: skip
        total_s = done.session_s
        on_progress(Progress(endpoint=request.endpoint, phase="judging", done_s=total_s, total_s=total_s))
        cancel.check()
        made = _graded(made, item, answer, request, judge)
        cancel.check()
    except AppError as error:
        if cancel.asked:
            shutil.rmtree(play.place, ignore_errors=True)
            raise CancelledError from error
        # What was said is kept: a judge that cannot be used today may be asked tomorrow.
        made = replace(made, error=error.to_json())
        with suppress(OSError):
            # Only an empty folder goes: the endpoint could not even be opened.
            play.place.rmdir()
    except CancelledError:
        shutil.rmtree(play.place, ignore_errors=True)
        raise
    keep_try(folder, made)
    return made


# ---------------------------------------------------------------------- the grade


def _timing(item: _Item, answer: Answer, request: TryRequest) -> tuple[Timing, ...]:
    params = speak_params(item.read.suite, request.profile, request.params)
    said = utterances_in(Entry.of(item.played, {"main": answer}), params)
    return timing_of(item.read, in_onset_order(said, params, answer.speech_s), params)


def _graded(made: Tried, item: _Item, answer: Answer, request: TryRequest, judge: Judge) -> Tried:
    grade = _grade(Entry.of(item.played, {"main": answer}), item, answer, request, judge)
    return replace(
        made,
        take=item.take.id,
        item_sha256=item.sha256,
        timing=_timing(item, answer, request),
        meaning=meaning_of(grade.verdicts[0]),
        grade=grade,
        error={},
    )


def _grade(entry: Entry, item: _Item, answer: Answer, request: TryRequest, judge: Judge) -> Grade:
    transcripts = {key: answer.extra[key] for key in ("transcriber", "vad", "placing") if key in answer.extra}
    sources = Sources(
        files={"audio": item.take.sha256},
        text_source=answer.text_source,
        timing_source=answer.timing_source,
        judge=judge,
        transcripts=transcripts,
        protocol={"endpoint": request.endpoint, "instruct": "spoken", "run": "try"},
        items_sha256=items_sha256([item.played]),
        delegated=answer.delegated,
    )
    suite = suite_named(item.read.suite)
    return suite.grade([entry], profile=request.profile, params=request.params, sources=sources)


def _now(why: str) -> dict[str, Any]:
    return dict(provenance(why=why))
