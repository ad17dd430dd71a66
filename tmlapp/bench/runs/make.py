"""Makes a run: loads a suite, shares its items out, keeps what comes back."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import tmlapp
from tmlapp.bench.background import with_agent
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.drive import DriveSettings, Instruct, instruct_mode
from tmlapp.bench.drive_item import ItemDriver, ItemTask, Outcome
from tmlapp.bench.drive_voice import AppSpeech, RecordedSpeech
from tmlapp.bench.engines import Engine, StoppedError, engine_named
from tmlapp.bench.registry import suite_named
from tmlapp.bench.runs.info import RunInfo
from tmlapp.bench.runs.run import OFFICIAL
from tmlapp.bench.runs.store import RunStore
from tmlapp.bench.suite import Suite
from tmlapp.config.settings import Settings
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_S
from tmlapp.live.elsewhere import check_clock, target_of
from tmlapp.live.plan import make_endpoint, versions

_GIT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a person asks for; see `RunInfo` for the members that are kept.

    Attributes:
        limit, seed: so many items; the first ones, or with a seed a random sample, in the order of the suite.
        instruct: `auto` types where a local model takes its task as text, and speaks otherwise.
        clock: `auto` is virtual time for local endpoints, and real time for all others; `fast` takes an endpoint that
            acknowledges every micro-turn.
        instructions: folder of recorded instructions; None for the app's voice.
        address: of the cluster, for engines beyond this machine.
    """

    suite: str
    data: Path
    endpoint: str
    out: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    seed: int | None = None
    jobs: int = 1
    resume: bool = False
    instruct: Instruct = "auto"
    clock: Literal["real", "fast", "auto"] = "auto"
    instructions: Path | None = None
    engine: str = "pool"
    address: str = ""
    settings: DriveSettings = field(default_factory=DriveSettings)
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: items done and failed of all, and how long the rest takes as fast as so far (None: unknown)."""

    done: int
    failed: int
    total: int
    left_s: float | None
    item: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of a request.

    Attributes:
        failed: the reason of each item that failed. stopped: a person ended it before all items were begun.
        media_s: seconds of sound and video that were driven now; took_s: how long that took.
        official: files written in the official layout. notes: what could not be done besides.
    """

    folder: Path
    done: int
    failed: Mapping[str, str]
    total: int
    stopped: bool
    media_s: float
    took_s: float
    official: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    quarantined: int = 0


def make_run(
    request: RunRequest,
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
    clock: Clock | None = None,
    engine: Engine | None = None,
) -> Made:
    """Load, drive and answer; whatever was done before in the same folder is kept and not done again.

    Raises:
        AppError: data, endpoint, folder or parameters cannot be used.
    """
    suite = suite_named(request.suite)
    loaded = suite.load(request.data, loader_options(suite, request.options))
    items = chosen(loaded.items, request.limit, request.seed)
    endpoint = make_endpoint(request.endpoint, Settings(model_threads=request.settings.threads))
    endpoint.check("")
    if request.settings.agent is not None:
        # Its address and its key are looked at before the first item, not in each of them.
        with_agent(request.settings.agent, None, direct=False)
    engine = engine or engine_named(request.engine, jobs=request.jobs, address=request.address)
    info = _info(request, suite, loaded, items, endpoint)
    with RunStore.create(request.out.resolve(), info, items, resume=request.resume) as store:
        return _Runner(store, suite, request, on_progress, clock or MonotonicClock()).run(engine)


class _Runner:
    def __init__(
        self,
        store: RunStore,
        suite: Suite,
        request: RunRequest,
        on_progress: Callable[[Progress], None],
        clock: Clock,
    ) -> None:
        self._store = store
        self._suite = suite
        self._request = request
        self._on_progress = on_progress
        self._clock = clock
        self._start_ns = clock.now_ns()
        self._before = 0
        self._now = 0
        self._failed: dict[str, str] = {}
        self._media_s = 0.0

    def run(self, engine: Engine) -> Made:
        tasks = self._open_tasks()
        self._tell("")
        stopped = False
        try:
            engine.run(tasks, self._take)
        except StoppedError:
            stopped = True
        took_s = (self._clock.now_ns() - self._start_ns) / NS_PER_S
        done = self._before + self._now - len(self._failed)
        official, notes = self._write_official()
        if not stopped and not self._failed:
            self._store.finish()
        return Made(
            folder=self._store.folder,
            done=done,
            failed=self._failed,
            total=len(self._store.items),
            stopped=stopped,
            media_s=self._media_s,
            took_s=took_s,
            official=official,
            notes=(*notes, *self._silence()),
            quarantined=len(self._store.info.quarantined),
        )

    def _silence(self) -> tuple[str, ...]:
        """What may explain that nothing was said to any item: instructions were spoken to a model that reads them."""
        answers = [answer for parts in self._store.answers().values() for answer in parts.values()]
        asked = any(part.instruction for item in self._store.items for part in item.parts)
        if self._store.info.instruct != "spoken" or not asked or not answers:
            return ()
        if any(a.text or a.utterances or a.speech_s or a.tools for a in answers):
            return ()
        return (
            "No item got an answer. The instructions were spoken: a model that does not understand speech needs "
            "--instruct typed.",
        )

    def _open_tasks(self) -> list[ItemTask]:
        """Tasks of all items that are not done; those that are done and have no answer get it now."""
        answered = self._store.answers()
        driver = ItemDriver()
        tasks = []
        for item in self._store.items:
            task = self._task(item)
            result = self._store.result(item.id)
            if result is None or result.state != "done" or any(p.name not in result.parts for p in item.parts):
                tasks.append(task)
                continue
            self._before += 1
            if item.id not in answered:
                made = {name: driver.answer(task, part) for name, part in result.parts.items()}
                self._store.write_answers(item.id, made)
        return tasks

    def _task(self, item: SuiteItem) -> ItemTask:
        info, request = self._store.info, self._request
        return ItemTask(
            item=item,
            folder=self._store.item_folder(item.id),
            run_folder=self._store.folder,
            suite=info.suite,
            data=request.data.resolve(),
            endpoint=info.endpoint,
            instruct=info.instruct,
            clock=info.clock,
            instructions=str(request.instructions.resolve()) if request.instructions else "",
            needs=frozenset(self._suite.needs),
            settings=request.settings,
        )

    def _take(self, outcome: Outcome) -> None:
        result = outcome.result
        self._now += 1
        if result.state == "done":
            self._store.write_answers(result.id, outcome.answers)
            self._media_s += sum(p.duration_s for p in result.parts.values())
            if self._store.info.granted is None and result.granted is not None:
                self._store.update(granted=result.granted)
        else:
            self._failed[result.id] = result.reason
        self._tell(result.id, result.reason)

    def _tell(self, item: str, reason: str = "") -> None:
        total = len(self._store.items)
        left = total - self._before - self._now
        took_s = (self._clock.now_ns() - self._start_ns) / NS_PER_S
        self._on_progress(
            Progress(
                done=self._before + self._now - len(self._failed),
                failed=len(self._failed),
                total=total,
                left_s=took_s / self._now * left if self._now else None,
                item=item,
                reason=reason,
            )
        )

    def _write_official(self) -> tuple[tuple[Path, ...], tuple[str, ...]]:
        if type(self._suite).write_official is Suite.write_official:
            return (), ()
        store = self._store
        try:
            made = self._suite.write_official(store.folder / OFFICIAL, store.items, store.answers(), store.sound)
        except AppError as error:
            # The run itself is whole; its answers can be written again by grading it.
            return (), (f"The official files could not be written: {error}",)
        return tuple(made), ()


def loader_options(suite: Suite, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a suite with their defaults, overridden by `given`; texts become what the default is.

    Raises:
        AppError: the suite has no such option, or the text is no such value.
    """
    unknown = sorted(set(given) - set(suite.options))
    if unknown:
        known = ", ".join(suite.options) or "none"
        raise AppError(
            f"The suite {suite.suite_name} has no option {unknown[0]!r}.",
            "An unknown option would change nothing.",
            f"Its options are: {known}.",
        )
    return {**suite.options, **{key: value_like(suite.options[key], key, value) for key, value in given.items()}}


def value_like(default: object, key: str, value: object) -> Any:
    """`value` as given on a command line, as a value like `default`.

    Raises:
        AppError: it is none.
    """
    if not isinstance(value, str) or default is None or isinstance(default, str):
        return value
    try:
        if isinstance(default, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.casefold()]
        if isinstance(default, int | float):
            return type(default)(value)
        if isinstance(default, list | tuple):
            return type(default)(v.strip() for v in value.split(",") if v.strip())
    except (KeyError, ValueError) as error:
        raise AppError(
            f"{key} cannot be {value!r}.", f"It is a value like {default!r}.", "Correct it, or leave it out."
        ) from error
    return value


def media_of(item: SuiteItem) -> set[str]:
    """Files that its sessions play."""
    named = (path for p in item.parts for path in (*p.sounds, p.video, *(h.sound for h in p.history)))
    return {path for path in named if path}


def tool_notes(suite: Suite, items: Sequence[SuiteItem], folder: Path) -> tuple[str, ...]:
    """What the suite says about the tools of its items: where they come from, and what of them is made up.

    Raises:
        AppError: they are there and cannot be used.
    """
    boxes = (suite.toolbox(item, folder) for item in items if any(part.tools for part in item.parts))
    return tuple(dict.fromkeys(note for box in boxes for note in getattr(box, "notes", ())))


def chosen(items: Sequence[SuiteItem], limit: int | None, seed: int | None) -> tuple[SuiteItem, ...]:
    """At most `limit` items: the first ones, or with a seed a sample; always in the order of the suite."""
    if limit is None or limit >= len(items):
        return tuple(items)
    if seed is None:
        return tuple(items[:limit])
    places = sorted(random.Random(seed).sample(range(len(items)), limit))
    return tuple(items[place] for place in places)


def _info(request: RunRequest, suite: Suite, loaded: Loaded, items: Sequence[SuiteItem], endpoint: Endpoint) -> RunInfo:
    instruct = instruct_mode(request.instruct, request.endpoint)
    clock: Literal["real", "fast"] = "fast" if endpoint.local else "real"
    if request.clock != "auto":
        clock = request.clock
    check_clock(endpoint, clock)
    sampled = request.limit is not None and request.seed is not None
    return RunInfo(
        suite=suite.suite_name,
        data=str(request.data.resolve()),
        endpoint=request.endpoint,
        target=target_of(endpoint),
        options=loader_options(suite, request.options),
        files=dict(loaded.files),
        version=loaded.version,
        notes=(*loaded.notes, *tool_notes(suite, items, request.data)),
        expected=loaded.expected,
        instruct=instruct,
        voice=_voice(request, instruct, items),
        clock=clock,
        limit=request.limit,
        jobs=request.jobs,
        engine=request.engine,
        seeds={"items": request.seed} if sampled and request.seed is not None else {},
        settings=asdict(request.settings),
        quarantined=tuple(asdict(q) for q in loaded.quarantined),
        versions=versions(),
        commit=commit_of_app(),
        command=request.command,
    )


def _voice(request: RunRequest, instruct: str, items: Sequence[SuiteItem]) -> Mapping[str, Any]:
    """Who speaks; nobody where nothing is to be said."""
    if instruct != "spoken" or not any(part.instruction for item in items for part in item.parts):
        return {}
    return RecordedSpeech(request.instructions).info if request.instructions else AppSpeech().info


def commit_of_app() -> str:
    """The commit that the app runs from, `+` behind it where files were changed; empty where it is no checkout."""
    root = Path(tmlapp.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return ""
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "tmlapp", "models")
    except (OSError, subprocess.SubprocessError):
        # Without git, or in a checkout of somebody else, the version alone has to do.
        return ""
    return head + ("+" if changed else "")


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=True, text=True, timeout=_GIT_S)
    return done.stdout.strip()
