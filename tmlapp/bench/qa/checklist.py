"""A checklist: what a tester says and does, what should follow, and what can be checked by itself. Form: docs/qa.md."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tmlapp.bench.qa.checks import Check, read_check
from tmlapp.bench.qa.strict_yaml import MOST_BYTES, Node, read_yaml
from tmlapp.config.paths import assets_dir
from tmlapp.core.errors import AppError
from tmlapp.core.granted import Granted

SCHEMA = 1
MOST_STEPS = 200
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CHECKLIST = ("schema", "id", "title", "description", "setup", "instruction", "needs", "steps")
_STEP = ("id", "title", "do", "expect", "instruction", "needs", "limit_s", "checks")
_LIMIT_S = 60.0

NEEDS = {
    "hears": "The model takes no sound, or there is no microphone.",
    "sees": "The model takes no pictures, or there is no camera.",
    "reads": "The model takes no typed text.",
    "speaks": "The model gives no sound.",
    "proactive": "The model speaks only when it is asked.",
    "answers_each_turn": "The model does not say when it has answered a micro-turn.",
}
"""What a step can need, and why it does not apply where that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; `limit_s` is the time after which a tester should have decided."""

    id: str
    title: str
    do: str
    expect: str
    instruction: str = ""
    needs: tuple[str, ...] = ()
    limit_s: float = _LIMIT_S
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """A whole checklist.

    Attributes:
        setup: what the tester prepares before the session.
        instruction: what the model is told before the session; empty where that does not matter.
        needs: of every step.
        text: the file as it was read; `sha256` is its digest (of the bytes in UTF-8).
        name: of the file.
    """

    id: str
    title: str
    description: str
    setup: str = ""
    instruction: str = ""
    needs: tuple[str, ...] = ()
    steps: tuple[Step, ...]
    text: str
    sha256: str
    name: str

    def step(self, step_id: str) -> Step | None:
        return next((s for s in self.steps if s.id == step_id), None)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What endpoint and devices of a session can do; None: not known (yet), and then taken to be there."""

    granted: Granted | None = None
    sound: bool | None = None
    pictures: bool | None = None

    def lacks(self, needs: Iterable[str]) -> str:
        """Why a step that needs `needs` does not apply, in sentences; empty if it does."""
        return " ".join(NEEDS[need] for need in dict.fromkeys(needs) if not self._has(need))

    def _has(self, need: str) -> bool:
        g = self.granted
        if need == "hears":
            return self.sound is not False and (g is None or not g.modalities_in or "audio" in g.modalities_in)
        if need == "sees":
            return self.pictures is not False and (g is None or not g.modalities_in or "video" in g.modalities_in)
        if g is None:
            return True
        if need == "reads":
            return not g.modalities_in or "text" in g.modalities_in
        if need == "speaks":
            return not g.modalities_out or "audio" in g.modalities_out
        return g.proactive if need == "proactive" else g.acknowledges_units


def needs_of(checklist: Checklist, step: Step) -> tuple[str, ...]:
    """Everything that `step` needs: an instruction of its own has to be read."""
    reads = ("reads",) if step.instruction else ()
    return (*checklist.needs, *step.needs, *reads)


def read_checklist(text: str, name: str) -> Checklist:
    """A checklist from the text of a YAML file, which is called `name` in errors.

    Raises:
        AppError: naming file and line.
    """
    root = read_yaml(text, name)
    m = root.members("a checklist", _CHECKLIST, ("schema", "id", "title", "steps"))
    schema = m["schema"].whole("schema", 1, 10**6)
    if schema != SCHEMA:
        raise m["schema"].wrong(f"This version of tmlapp reads schema {SCHEMA}, not {schema}.")
    entries = m["steps"].entries("steps")
    if not 1 <= len(entries) <= MOST_STEPS:
        raise m["steps"].wrong(f"A checklist has 1 to {MOST_STEPS} steps, not {len(entries)}.")
    steps: list[Step] = []
    for entry in entries:
        step = _step(entry)
        if any(s.id == step.id for s in steps):
            raise entry.wrong(f"The id “{step.id}” is taken by another step.")
        steps.append(step)
    return Checklist(
        id=_id(m["id"]),
        title=m["title"].text("title", most=120),
        description=_text(m, "description"),
        setup=_text(m, "setup"),
        instruction=_text(m, "instruction"),
        needs=_needs(m),
        steps=tuple(steps),
        text=text,
        sha256=hashlib.sha256(text.encode("utf-8")).hexdigest(),
        name=name,
    )


def load_checklist(path: Path) -> Checklist:
    """The checklist in the file `path`.

    Raises:
        AppError: it cannot be read, or is none: with file and line.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise AppError(
            f"The checklist {path} cannot be read.", f"{error.strerror}.", "Check its name and rights."
        ) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise AppError(
            f"The checklist {path.name} cannot be used.", f"Line {line}: It is not UTF-8.", "Save it as UTF-8."
        ) from error
    return read_checklist(text, path.name)


def shipped_checklists() -> list[Path]:
    """The files that come with the app, in order of their names."""
    return sorted((assets_dir() / "checklists").glob("*.yaml"))


def find_checklist(name: str) -> Path:
    """The shipped checklist called `name`, or the file of that path.

    Raises:
        AppError: there is neither.
    """
    for path in shipped_checklists():
        if path.stem == name:
            return path
    path = Path(name).expanduser()
    if path.is_file():
        return path
    known = ", ".join(p.stem for p in shipped_checklists())
    raise AppError(f"There is no checklist “{name}”.", f"Shipped are {known}.", "Name one of them, or a file.")


def _step(node: Node) -> Step:
    m = node.members("a step", _STEP, ("id", "title", "do", "expect"))
    return Step(
        id=_id(m["id"]),
        title=m["title"].text("title", most=120),
        do=m["do"].text("do"),
        expect=m["expect"].text("expect"),
        instruction=_text(m, "instruction"),
        needs=_needs(m),
        limit_s=m["limit_s"].number("limit_s", 1, 3600) if "limit_s" in m else _LIMIT_S,
        checks=tuple(read_check(entry) for entry in m["checks"].entries("checks")) if "checks" in m else (),
    )


def _id(node: Node) -> str:
    value = node.text("id", most=40)
    if not _ID.fullmatch(value):
        raise node.wrong("An id consists of small letters, digits and single hyphens.")
    return value


def _text(members: dict[str, Node], key: str) -> str:
    return members[key].text(key) if key in members else ""


def _needs(members: dict[str, Node]) -> tuple[str, ...]:
    if "needs" not in members:
        return ()
    return tuple(entry.choice("an entry of needs", tuple(NEEDS)) for entry in members["needs"].entries("needs"))
