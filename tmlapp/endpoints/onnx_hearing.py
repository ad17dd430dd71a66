"""Whether a local model hears instructions in this session, and whether its grammars can be used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tmlapp.core.errors import AppError
from tmlapp.endpoints.hearing.ears import Hearing
from tmlapp.endpoints.hearing.spec import COMMANDS, PAUSED, STOP, HearingSpec
from tmlapp.endpoints.hearing.sphinx import GrammarError, Recogniser, engine_version
from tmlapp.endpoints.onnx_current import CurrentTask
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_jsgf import check_rules
from tmlapp.endpoints.onnx_manifest import Manifest
from tmlapp.endpoints.onnx_tasks import TaskReader

ON, OFF = "on", "off"
NOTHING_RUNS = "Nothing runs that could be stopped."
_Key = tuple[Path, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]
_idle: dict[_Key, Recogniser] = {}
"""Recognisers that no session uses: to load one takes longer than a micro-turn. One per model is kept."""
NO_INSTRUCTION = "Did not understand: the words fit no instruction."


def listens(manifest: Manifest, options: Mapping[str, str]) -> bool:
    """Whether the app hears instructions for the model; the option `hearing` is `on` (default) or `off`.

    Raises:
        AppError: the option is something else.
    """
    chosen = options.get("hearing", ON)
    if chosen not in (ON, OFF):
        raise AppError(
            f"hearing={chosen} is not possible.", "Hearing is on or off.", "Write hearing=on or hearing=off."
        )
    return manifest.hearing is not None and chosen == ON


def check_hearing(manifest: Manifest) -> None:
    """Raises E_HEARING where the engine refuses a grammar or a pronunciation. Once per process and set of files."""
    spec = manifest.hearing
    if spec is None:
        return
    check_rules(manifest)
    problem = _problem(_key(manifest, spec), _Unhashed(spec))
    if problem:
        raise OnnxContractError("E_HEARING", f"manifest.json: x-hearing: {problem}.", manifest.path)


def details(manifest: Manifest, options: Mapping[str, str]) -> dict[str, Any]:
    """What the session is told about hearing."""
    if not listens(manifest, options) or manifest.hearing is None:
        return {"hears_instructions": manifest.hears_instructions and manifest.hearing is None}
    return {
        "hears_instructions": True,
        "hears_with": engine_version(),
        "listens_for": list(manifest.hearing.grammars),
    }


def open_hearing(manifest: Manifest, options: Mapping[str, str], tasks: TaskReader, now: CurrentTask) -> Hearing | None:
    """Ears for one session; None where it has none."""
    if manifest.hearing is None or not listens(manifest, options):
        return None
    recogniser = _idle.pop(_key(manifest, manifest.hearing), None) or Recogniser(manifest.hearing, manifest.folder)
    return Hearing(manifest.hearing, recogniser, lambda text: _doubt(text, tasks, now))


def close_hearing(manifest: Manifest, ears: Hearing | None) -> None:
    """After the last micro-turn: the next session of this model need not load again."""
    if ears is not None:
        _idle[_key(manifest, ears.spec)] = ears.close()


def mode_of(now: CurrentTask) -> str:
    """What is listened for while `now` is the task."""
    if now.paused:
        return PAUSED
    return COMMANDS if now.waiting else STOP


def _doubt(text: str, tasks: TaskReader, now: CurrentTask) -> str:
    try:
        task = tasks.read(text)
    except OnnxContractError:
        return NO_INSTRUCTION
    return NOTHING_RUNS if now.waiting and task.name == now.task.name else ""


class _Unhashed:
    """Carries the specification past the cache, whose key is what the files hold."""

    def __init__(self, spec: HearingSpec) -> None:
        self.spec = spec

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashed)


def _key(manifest: Manifest, spec: HearingSpec) -> _Key:
    files = tuple((place, manifest.files[grammar.file][0]) for place, grammar in spec.all().items())
    return manifest.folder, files, tuple(spec.words.items())


@lru_cache(maxsize=16)
def _problem(key: _Key, carried: _Unhashed) -> str:
    try:
        _idle[key] = Recogniser(carried.spec, key[0])
    except GrammarError as error:
        return str(error)
    return ""
