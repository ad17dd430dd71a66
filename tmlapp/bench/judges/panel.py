"""Judges by their address, as a person writes it: `rules`, `openai:MODEL@URL`, `recorded:FILE` …

Kinds of judges are found as suites are: marked in the modules here, and from other distributions by entry points.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from tmlapp.bench import judges as builtin
from tmlapp.bench.judges.base import Judge, NoJudge
from tmlapp.bench.judges.chat import ChatClient, Limits
from tmlapp.bench.judges.human import HumanJudge
from tmlapp.bench.judges.openai import OpenAIJudge
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.judges.rules import RulesJudge
from tmlapp.bench.judges.several import FirstDecides, Panel, first_decides
from tmlapp.bench.suite import RecordedVerdict
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError

__all__ = ["FirstDecides", "Panel", "Surroundings", "first_decides", "judge", "judge_from_address", "makers"]

ENTRY_POINTS = "tmlapp.judges"
_PART = re.compile(r"^([\w.-]+/[\w.*/-]+)=(.+)$", re.S)
_OPENAI_HOST = "https://api.openai.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a judge may need besides its address.

    Attributes:
        ask: shows a text in the terminal and returns the line that is typed; None where nobody is there.
        verdicts: reads a folder of official verdict files (a suite's `recorded_verdicts`); None without a suite.
        clock, environ: for tests; None for the real ones.
    """

    ask: Callable[[str], str] | None = None
    verdicts: Callable[[Path], Iterable[RecordedVerdict]] | None = None
    clock: Clock | None = None
    environ: Mapping[str, str] | None = None


Make = Callable[[str, dict[str, str], Surroundings], Judge]
"""(what follows the colon, options, surroundings) -> judge. Takes the options that it knows out of the mapping."""
M_ = TypeVar("M_", bound=Make)


def judge(name: str) -> Callable[[M_], M_]:
    """Mark a function as the maker of judges called `name`."""

    def mark(make: M_) -> M_:
        make.judge_name = name  # type: ignore[attr-defined]
        return make

    return mark


def makers() -> dict[str, Make]:
    """Every kind of judge by its name.

    Raises:
        AppError: two claim one name.
    """
    modules = [importlib.import_module(f"{builtin.__name__}.{m.name}") for m in pkgutil.iter_modules(builtin.__path__)]
    found = [
        make
        for module in modules
        for make in vars(module).values()
        if hasattr(make, "judge_name") and make.__module__ == module.__name__
    ]
    found += [point.load() for point in entry_points(group=ENTRY_POINTS)]
    named: dict[str, Make] = {}
    for make in found:
        if make.judge_name in named:
            raise AppError(
                f"Two kinds of judges are named {make.judge_name!r}.",
                f"{make.__module__} claims a name that is taken.",
                "Uninstall one of the packages that bring it.",
            )
        named[make.judge_name] = make
    return named


def judge_from_address(address: str | Sequence[str], surroundings: Surroundings | None = None) -> Judge:
    """The judge that `address` names.

    Args:
        address: `none`, `rules`, `human`, `recorded:FILE_OR_FOLDER`, `openai:MODEL@URL?key_env=NAME&rpm=60&…`;
            several with commas: the first one that decides; `KIND=ADDRESS`: for that kind of question only (a kind may
            end in `*`). Several addresses (or parts with `;`) make a panel, one of them without a kind its default.

    Raises:
        AppError: there is no such judge, or an option is not valid.
    """
    around = surroundings or Surroundings()
    texts = [address] if isinstance(address, str) else list(address)
    parts = [part.strip() for text in texts for part in text.split(";") if part.strip()]
    kinds: dict[str, Judge] = {}
    default: Judge | None = None
    known = makers()
    for part in parts:
        found = _PART.match(part)
        if found is not None:
            kinds[found[1]] = _chain(found[2], known, around)
        elif default is None:
            default = _chain(part, known, around)
        else:
            raise AppError(
                f"There are two judges for all kinds of questions: {part!r} is the second.",
                "Only one can be the default.",
                "Write KIND=ADDRESS for one of them, or put a comma between them: the first that decides.",
            )
    if kinds:
        return Panel(kinds, default)
    return default or NoJudge()


def _chain(text: str, known: Mapping[str, Make], around: Surroundings) -> Judge:
    # A comma may stand in a file name; it parts judges only where the name of one follows.
    names = "|".join(map(re.escape, known))
    return first_decides([_one(part, known, around) for part in re.split(rf",\s*(?=(?:{names})(?:[:?,]|$))", text)])


def _one(text: str, known: Mapping[str, Make], around: Surroundings) -> Judge:
    body, _, query = text.strip().partition("?")
    name, _, rest = body.partition(":")
    if name not in known:
        raise AppError(
            f"There is no judge {name!r}.",
            "A judge is named by its kind, and by what follows the colon.",
            f"Use one of: {', '.join(sorted(known))}.",
        )
    options = dict(parse_qsl(query, keep_blank_values=True))
    made = known[name](rest, options, around)
    if options:
        raise AppError(
            f"The judge {name} has no option {next(iter(options))!r}.",
            "An unknown option would change nothing.",
            "Leave it out.",
        )
    return made


@judge("none")
def _none(rest: str, options: dict[str, str], around: Surroundings) -> Judge:  # noqa: ARG001 - one form for all makers
    return NoJudge()


@judge("rules")
def _rules(rest: str, options: dict[str, str], around: Surroundings) -> Judge:  # noqa: ARG001 - one form for all makers
    return RulesJudge()


@judge("human")
def _human(rest: str, options: dict[str, str], around: Surroundings) -> Judge:  # noqa: ARG001 - one form for all makers
    if around.ask is None:
        raise AppError(
            "Nobody can be asked here.",
            "The judge 'human' needs a terminal.",
            "Run it in one, or choose another judge.",
        )
    return HumanJudge(around.ask)


@judge("recorded")
def _recorded(rest: str, options: dict[str, str], around: Surroundings) -> Judge:
    path = Path(rest).expanduser()
    whose = options.pop("judge", "")
    if rest and path.is_dir():
        own = path / "verdicts.jsonl"
        if own.is_file():
            return RecordedJudge.of_file(own, judge=whose)
        if around.verdicts is None:
            raise AppError(
                f"{path} is a folder without verdicts.jsonl.",
                "Official verdict files are read by their suite, and none was named.",
                "Give the file itself, or name the suite.",
            )
        return RecordedJudge(around.verdicts(path), name=f"recorded:{path.name}")
    return RecordedJudge.of_file(path, judge=whose)


@judge("openai")
def _openai(rest: str, options: dict[str, str], around: Surroundings) -> Judge:
    model, _, url = rest.rpartition("@http")
    if not model:
        raise AppError(
            "The judge openai needs a model and an address.",
            f"{rest!r} does not have both.",
            "Write openai:MODEL@URL, for example openai:gpt-4o-mini@https://api.openai.com/v1?key_env=OPENAI_API_KEY.",
        )
    url = "http" + url
    # Only OpenAI itself gets this key without being asked to: other hosts have to be given theirs by name.
    key_env = options.pop("key_env", "OPENAI_API_KEY" if (url + "/").startswith(_OPENAI_HOST + "/") else "")
    names = ["rpm", *(f.name for f in fields(Limits))]
    # Each value is read by the type of its default.
    given: dict[str, Any] = {name: _number(name, options.pop(name)) for name in names if name in options}
    if "rpm" in given:
        given["per_minute"] = given.pop("rpm")
    limits = Limits(**given)
    return OpenAIJudge(
        ChatClient(model=model, url=url, key_env=key_env, limits=limits, clock=around.clock, environ=around.environ)
    )


_FRACTIONS = frozenset(["rpm", "per_minute", "timeout_s", "wait_s", "longest_wait_s"])
_MAY_BE_ZERO = frozenset(["retries", "wait_s", "longest_wait_s"])


def _number(name: str, text: str) -> float:
    try:
        value = float(text) if name in _FRACTIONS else int(text)
    except ValueError:
        value = -1
    if not (0 if name in _MAY_BE_ZERO else 1e-9) <= value <= 1e9:
        raise AppError(
            f"The option {name} cannot be {text!r}.",
            "It is a positive number." if name in _FRACTIONS else "It is a positive whole number.",
            "Correct it, or leave it out.",
        )
    return value
