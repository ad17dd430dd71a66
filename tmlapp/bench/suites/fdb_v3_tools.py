"""The tool host of Full-Duplex-Bench v3: the twelve tools as the user's own copy of the benchmark has them.

Where the tools come from, the first that is there:

1. `tools.json`: a list in OpenAI's function format, or `{"tools": [...], "results": {...}}`;
2. Python files of a checkout (`lk_agent_tool.py`, `mock_apis.py` …), whose syntax trees are read and nothing is run;
3. names and argument names of the calls that the item expects.

Results: `mock_results.json` or `results` in `tools.json` (`{tool: value}`, or `{tool: {"cases": [{"args", "result"}],
"default": value}}`), then what the checkout's functions return, else a plain `{"status": "success"}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.background_tools import arguments_of
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.labels.fdb_v3 import places
from tmlapp.bench.labels.rows import file_json
from tmlapp.bench.suites.fdb_v3_scoring import equal_arguments
from tmlapp.bench.suites.fdb_v3_source import Found, Mock, fixed, read_source, spec_of_json
from tmlapp.core.errors import AppError
from tmlapp.core.event import ToolCall
from tmlapp.core.tool import Reply, Said, ToolSpec
from tmlapp.core.turn import ToolResult

TOOL_NAMES = (
    "search_flights", "book_flight", "update_identity_doc", "get_card_benefits", "get_exchange_rate", "modify_autopay",
    "search_apartments", "calculate_commute", "update_search_filter", "track_order", "search_products", "add_to_cart",
)  # fmt: skip
TOOLS_FILE = "tools.json"
RESULTS_FILE = "mock_results.json"
_DEFAULT = {"status": "success"}
_LARGEST = 2_000_000
_FORMAT = 'Write {"tools": [...in OpenAI\'s function format...], "results": {"track_order": {...}}}.'


class ToolHost:
    """A `Toolbox` with fixed results.

    Attributes:
        notes: where tools and results come from, and what is made up.
    """

    def __init__(self, specs: Sequence[ToolSpec], mocks: Mapping[str, Mock], notes: Sequence[str] = ()) -> None:
        self.specs = tuple(specs)
        self.notes = tuple(notes)
        self._mocks = mocks

    def call(self, call: ToolCall, conversation: Sequence[Said], reply: Reply) -> None:  # noqa: ARG002 - fixed results
        """Give the result as JSON text; a tool that the host does not have is an error that the model reads."""
        if call.name not in {spec.name for spec in self.specs}:
            reply(ToolResult(call.call_id, f"There is no tool {call.name!r}.", is_error=True))
            return
        mock = self._mocks.get(call.name)
        result = None if mock is None else mock(arguments_of(call))
        reply(ToolResult(call.call_id, json.dumps(_DEFAULT if result is None else result, default=str)))


def tool_host(item: SuiteItem, folder: Path) -> ToolHost:
    """The tools for `item`, from the folder that the user gave.

    Raises:
        AppError: `tools.json` or `mock_results.json` is there and cannot be used.
    """
    names = frozenset(TOOL_NAMES) | {call["function"] for call in item.truth["expected_tool_calls"]}
    where = places(folder)
    specs, mocks, notes = _from_json(where)
    found, sources = _from_python(where, names)
    if not specs:
        specs = {**found.functions, **found.specs}
        notes += [f"Tools as in {', '.join(sources)}."] if specs else []
    derived = [name for name in _expected(item) if name not in specs]
    for name in derived:
        specs[name] = _derived(name, item)
    if derived:
        notes.append(f"No schema was found of {', '.join(derived)}: made of the names in the expected calls.")
    # Tried without arguments: a function whose result is computed elsewhere has none that can be read.
    known = {name for name, mock in found.mocks.items() if mock({}) is not None} | set(mocks)
    mocks = {**found.mocks, **mocks}
    lacking = [name for name in specs if name not in known]
    if lacking:
        notes.append(f'No fixed result was found of {", ".join(lacking)}: they return {{"status": "success"}}.')
    order = {name: i for i, name in enumerate(TOOL_NAMES)}
    ordered = sorted(specs.values(), key=lambda s: (order.get(s.name, len(order)), s.name))
    return ToolHost(ordered, mocks, notes)


def _from_json(where: Iterable[Path]) -> tuple[dict[str, ToolSpec], dict[str, Mock], list[str]]:
    specs: dict[str, ToolSpec] = {}
    mocks: dict[str, Mock] = {}
    notes: list[str] = []
    for path in _there(where, TOOLS_FILE):
        value = file_json(path)
        listed = value.get("tools") if isinstance(value, dict) else value
        found = [spec_of_json(tool) for tool in listed] if isinstance(listed, list) else []
        if not found or None in found:
            raise AppError(f"{path} holds no tools.", "It is not a list in OpenAI's function format.", _FORMAT)
        specs = {spec.name: spec for spec in found if spec is not None}
        notes.append(f"Tools as in {path.name}.")
        if isinstance(value, dict) and "results" in value:
            mocks |= _fixed(path, value["results"])
    for path in _there(where, RESULTS_FILE):
        mocks |= _fixed(path, file_json(path))
    return specs, mocks, notes


def _there(where: Iterable[Path], name: str) -> list[Path]:
    return [place / name for place in where if (place / name).is_file()][:1]


def _fixed(path: Path, value: Any) -> dict[str, Mock]:
    if not isinstance(value, dict):
        raise AppError(f"The results in {path} cannot be used.", "They are no object of tools.", _FORMAT)
    return {name: _mock(result) for name, result in value.items()}


def _mock(result: Any) -> Mock:
    if not isinstance(result, dict) or not isinstance(result.get("cases"), list):
        return fixed(result)
    cases = [case for case in result["cases"] if isinstance(case, dict) and isinstance(case.get("args"), dict)]

    def mock(args: Mapping[str, Any]) -> Any:
        for case in cases:
            if equal_arguments(case["args"], args):
                return case.get("result")
        return result.get("default")

    return mock


def _from_python(where: Iterable[Path], names: frozenset[str]) -> tuple[Found, list[str]]:
    whole = Found()
    sources: list[str] = []
    for path in _python_files(where):
        try:
            found = read_source(path.read_text(encoding="utf-8-sig"), names)
        except (OSError, SyntaxError, ValueError, RecursionError):
            # Not every file of a checkout is for us; what is missing then stands in the notes.
            continue
        for mine, theirs in ((whole.specs, found.specs), (whole.functions, found.functions)):
            if set(theirs) - set(mine):
                sources.append(path.name)
            mine.update({k: v for k, v in theirs.items() if k not in mine})
        whole.mocks.update({k: v for k, v in found.mocks.items() if k not in whole.mocks})
    return whole, list(dict.fromkeys(sources))


def _python_files(where: Iterable[Path]) -> Iterator[Path]:
    for place in where:
        # Mocks first: what an agent's tool returns is only handed through from there.
        for path in sorted(place.glob("*.py"), key=lambda p: ("mock" not in p.name, p.name)):
            if path.is_file() and path.stat().st_size <= _LARGEST:
                yield path


def _expected(item: SuiteItem) -> list[str]:
    return list(dict.fromkeys(call["function"] for call in item.truth["expected_tool_calls"]))


def _derived(name: str, item: SuiteItem) -> ToolSpec:
    arguments = [a for call in item.truth["expected_tool_calls"] if call["function"] == name for a in call["args"]]
    parameters = {"type": "object", "properties": {a: {} for a in dict.fromkeys(arguments)}}
    return ToolSpec(name=name, description=name.replace("_", " "), parameters=parameters)
