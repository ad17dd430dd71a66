"""From an instruction to the task input of a local model (contract section 4)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.config.settings import PRESETS
from tmlapp.core.units import NS_PER_MS
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_manifest import Manifest, TaskEnd, TaskRule
from tmlapp.endpoints.onnx_numbers import spoken_numbers, with_digits
from tmlapp.endpoints.onnx_rules import RuleError, RulePattern, RuleTimeoutError

MAX_CHARACTERS = 400
ELAPSED, SINCE = "elapsed_s", "since_turn"
"""Task parameters that the app fills."""
_MOST = 1e9
"""Larger numbers are nothing that a person means, and the graph's kind of number could not hold them."""
_PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Task:
    """What the model is told to do.

    Attributes:
        instruction: as it was typed.
        name: the option's name; `utf8` or `none` where the model has no options.
        value: int64 [1] (option) or int32 [1, L] (text); None where the graph has no `task`.
        params: numbers by name, in the manifest's order; the app's own are filled by `begun`.
        groups: cleaned texts of the rule's named groups, for placeholders.
    """

    instruction: str
    name: str
    value: npt.NDArray[Any] | None
    params: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    def begun(self, elapsed_ns: int, turn: int) -> Task:
        """This task with the app's own parameters, where the manifest has them.

        Args:
            elapsed_ns: from the end of the instruction to the beginning of micro-turn `turn`.
            turn: the first micro-turn with this task.
        """
        # Rounded up: micro-turns and periods are whole milliseconds, so no multiple changes its micro-turn by this.
        own = {ELAPSED: -(-elapsed_ns // NS_PER_MS) / 1000, SINCE: float(turn)}
        return replace(self, params={name: own.get(name, value) for name, value in self.params.items()})


def normalise(instruction: str, *, spoken: bool = False) -> str:
    """Lower case, white space collapsed, number words one … sixty as digits; with `spoken`, see `spoken_numbers`."""
    text = " ".join(instruction.lower().split())
    return spoken_numbers(text) if spoken else with_digits(text)


class TaskReader:
    """Matches instructions against the rules of one manifest. Rules are compiled and judged when it is made.

    Raises:
        OnnxContractError: E_TASK_RULE.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._task = manifest.task
        self._spoken = manifest.task.numbers == "spoken"
        self._rules = [(self._compiled(i, rule), rule) for i, rule in enumerate(manifest.task.rules)]
        if self._task.default is not None and self._task.default >= max(1, len(self._task.options)):
            raise self._bad("task.default", f"{self._task.default} is not the index of an option")

    @property
    def ends(self) -> Mapping[str, TaskEnd]:
        """By option: when it is over by itself."""
        return self._task.ends

    @property
    def pauses(self) -> bool:
        """The model has the options `paused` and `go_on`."""
        return {"paused", "go_on"} <= set(self._task.options)

    def read(self, instruction: str) -> Task:
        """The task for `instruction`; empty means: wait (the option named `none`).

        Raises:
            OnnxContractError: E_TASK_UNSUPPORTED, E_TASK_TOO_LONG, or E_TASK_RULE for a search over 50 ms.
        """
        if self._task.kind == "none":
            return Task(instruction, "none", None)
        if self._task.kind == "utf8":
            return Task(instruction, "utf8", self._utf8(instruction), dict.fromkeys(self._task.params, 0.0))
        if not instruction.strip():
            return self._waiting(instruction)
        text = self._plain(instruction)
        if len(text) > MAX_CHARACTERS:
            raise OnnxContractError(
                "E_TASK_TOO_LONG",
                f"The instruction has {len(text)} characters; rules are searched in at most {MAX_CHARACTERS}.",
                self._manifest.folder,
            )
        for number, (pattern, rule) in enumerate(self._rules):
            groups = self._search(number, pattern, text)
            if groups is not None:
                return self._matched(instruction, rule, groups)
        if self._task.default is not None:
            return self._option(instruction, self._task.default)
        raise OnnxContractError(
            "E_TASK_UNSUPPORTED",
            f"{self._manifest.name} does not understand “{instruction}”.",
            self._manifest.folder,
            fix=f"Say for example: {' · '.join(self.examples())}",
        )

    def examples(self) -> list[str]:
        """Instructions that this model understands: the manifest's, else the app's presets that it matches."""
        if self._manifest.examples:
            return list(self._manifest.examples)
        presets = [preset.format(action="squats") for preset in PRESETS]
        known = [p for p in presets if any(pattern.search(self._plain(p)) for pattern, _ in self._rules)]
        return known or [name.replace("_", " ") for name in self._task.options if name != "none"]

    def _plain(self, instruction: str) -> str:
        return normalise(instruction, spoken=self._spoken)

    def _search(self, number: int, pattern: RulePattern, text: str) -> dict[str, str] | None:
        try:
            return pattern.search(text)
        except RuleTimeoutError as error:
            raise self._bad(f"task.rules[{number}].match", "took more than 50 ms") from error

    def _matched(self, instruction: str, rule: TaskRule, found: Mapping[str, str]) -> Task:
        groups = {name: cleaned(text) for name, text in found.items()}
        params = {name: self._number(groups.get(rule.params.get(name, ""), "")) for name in self._task.params}
        return self._option(instruction, rule.option, params, {k: v for k, v in groups.items() if v})

    def _number(self, text: str) -> float:
        """What a group holds; 0 where it is missing or empty."""
        try:
            number = float(text or 0)
        except ValueError:
            number = math.inf
        if not abs(number) <= _MOST:
            raise OnnxContractError(
                "E_TASK_UNSUPPORTED",
                f"{self._manifest.name} does not understand “{text}” as a number.",
                self._manifest.folder,
                fix="Give a number, for example 5 or 2.5.",
            )
        return number

    def _option(
        self,
        instruction: str,
        option: int,
        params: Mapping[str, float] | None = None,
        groups: Mapping[str, str] | None = None,
    ) -> Task:
        value = np.array([option], dtype=np.int64)
        zeros = dict.fromkeys(self._task.params, 0.0)
        return Task(instruction, self._task.options[option], value, zeros | dict(params or {}), groups or {})

    def _waiting(self, instruction: str) -> Task:
        if "none" in self._task.options:
            return self._option(instruction, self._task.options.index("none"))
        if self._task.default is not None:
            return self._option(instruction, self._task.default)
        raise OnnxContractError(
            "E_TASK_UNSUPPORTED",
            f"{self._manifest.name} has no option none: it cannot wait for an instruction.",
            self._manifest.folder,
            fix=f"Give an instruction, for example: {' · '.join(self.examples())}",
        )

    def _utf8(self, instruction: str) -> npt.NDArray[np.int32]:
        raw = instruction.encode("utf-8")
        if len(raw) > self._task.length:
            raise OnnxContractError(
                "E_TASK_TOO_LONG",
                f"The instruction has {len(raw)} bytes, the model takes {self._task.length}.",
                self._manifest.folder,
            )
        value = np.zeros((1, self._task.length), dtype=np.int32)
        value[0, : len(raw)] = np.frombuffer(raw, dtype=np.uint8).astype(np.int32) + 1
        return value

    def _compiled(self, number: int, rule: TaskRule) -> RulePattern:
        key = f"task.rules[{number}]"
        try:
            pattern = RulePattern(rule.match)
        except RuleError as error:
            raise self._bad(f"{key}.match", str(error)) from error
        if not 0 <= rule.option < len(self._task.options):
            raise self._bad(f"{key}.option", f"{rule.option} is not the index of an option")
        for param, group in rule.params.items():
            if param not in self._task.params:
                raise self._bad(f"{key}.params", f"{param!r} is not in task.params")
            if param in (ELAPSED, SINCE):
                raise self._bad(f"{key}.params", f"{param!r} is filled by the app")
            if group not in pattern.groups:
                raise self._bad(f"{key}.params", f"there is no group named {group!r} in match")
        return pattern

    def _bad(self, key: str, why: str) -> OnnxContractError:
        return OnnxContractError("E_TASK_RULE", f"manifest.json: {key}: {why}.", self._manifest.path)


def cleaned(text: str) -> str:
    """`text` without quotes around it and punctuation after it."""
    return text.strip().strip("\"'“”‘’«»").rstrip(".,;:!?… ").strip("\"'“”‘’«» ")


def fill(text: str, groups: Mapping[str, str]) -> str | None:
    """`text` with its `{placeholders}` filled from `groups`; None where one has no value."""
    if any(not groups.get(name) for name in _PLACEHOLDER.findall(text)):
        return None
    return _PLACEHOLDER.sub(lambda m: groups[m.group(1)], text)


def placeholders(text: str) -> list[str]:
    """Names of the placeholders in `text`."""
    return _PLACEHOLDER.findall(text)
