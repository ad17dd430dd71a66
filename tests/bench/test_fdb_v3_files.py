"""Full-Duplex-Bench v3: the user's folder, its tools, official results, and a session with them."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.fdb_v3_data import BUY, TRACK, Says, answer, item, make_data
from tests.live.parts import ListFeed, MemoryLog, captured, session_info
from tmlapp.bench.answer import Answer, ToolUse, Word
from tmlapp.bench.background_tools import CombinedToolbox
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.registry import suite_named
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.fdb_v3 import FdbV3
from tmlapp.bench.suites.fdb_v3_source import read_source, spec_of_json
from tmlapp.bench.suites.fdb_v3_tools import TOOL_NAMES, ToolHost
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import ToolCall
from tmlapp.core.turn import ToolResult
from tmlapp.endpoints.scripted import ScriptedEndpoint
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions

pytestmark = pytest.mark.unit


def recordings(v3: Path) -> Path:
    return v3 / "fdb_v3_data_released"


@pytest.mark.parametrize("given", ["", "v3", "v3/fdb_v3_data_released"])
def test_the_benchmark_is_found_from_any_of_its_folders(tmp_path: Path, given: str) -> None:
    make_data(tmp_path)
    loaded = suite_named("fdb-v3").load(tmp_path / given, {"instruction": "Help."})
    assert [i.id for i in loaded.items] == ["ecommerce_01_aa", "ecommerce_01_bb", "ecommerce_02_aa"]
    assert loaded.expected == 100
    assert loaded.notes == ("3 recordings of 2 scenarios.",)
    assert len(loaded.files["scenarios"]) == 64
    first, own, _ = loaded.items
    assert first.truth == {
        "example_id": "ecommerce_01", "speaker": "aa", "title": "Title of ecommerce_01",
        "domain": "ecommerce_support", "difficulty": "easy", "features": ["FILLER"], "rollback": False,
        "expected_tool_calls": TRACK, "user": "Hi. Where is order A1?", "expected_response": "It is on its way.",
    }  # fmt: skip
    assert first.group == "ecommerce_support"
    (part,) = first.parts
    assert part.sounds[0].endswith("ecommerce_01_aa/input.wav")
    assert part.tools
    assert part.instruction == "Help."
    assert own.truth["expected_tool_calls"] == BUY
    assert own.group == "other"
    json.dumps([i.to_json() for i in loaded.items])


def test_metadata_alone_will_do(tmp_path: Path) -> None:
    v3 = make_data(tmp_path)
    (v3 / "benchmark_data_v2.json").unlink()
    row = {"expected_tool_calls": TRACK[0], "dialogue": [{"user": "x"}], "title": 3, "disfluency_features": None}
    (recordings(v3) / "ecommerce_01_aa" / "metadata.json").write_text(json.dumps(row))
    loaded = FdbV3().load(v3, {})
    assert [i.id for i in loaded.items] == ["ecommerce_01_aa"]
    assert loaded.items[0].truth["expected_tool_calls"] == TRACK
    assert loaded.items[0].truth["title"] == "3"
    assert "benchmark_data_v2.json was not found" in loaded.notes[0]
    assert loaded.files == {}
    assert {(q.row, q.kind) for q in loaded.quarantined} == {
        ("ecommerce_01_bb", "damaged"), ("ecommerce_02_aa", "missing"),
    }  # fmt: skip


def _metadata(text: str) -> Callable[[Path], object]:
    return lambda place: (place / "metadata.json").write_text(text)


@pytest.mark.parametrize(
    ("spoil", "why", "kind"),
    [
        (lambda p: (p / "input.wav").write_bytes(b""), "missing or empty", "missing"),
        (lambda p: (p / "input.wav").write_bytes(b"ID3 mp3"), "no wav", "damaged"),
        (_metadata("{"), "not JSON", "damaged"),
        (_metadata("[]"), "no object", "damaged"),
        (_metadata('{"expected_tool_calls": [3]}'), "no list of", "damaged"),
        (_metadata('{"expected_tool_calls": [{"function": 3}]}'), "no list of", "damaged"),
        (_metadata('{"dialogue": []}'), "dialogue", "damaged"),
        (_metadata('{"dialogue": [{"ai": 3}]}'), "dialogue", "damaged"),
    ],
)
def test_a_recording_that_cannot_be_used_is_set_aside(
    tmp_path: Path, spoil: Callable[[Path], object], why: str, kind: str
) -> None:
    v3 = make_data(tmp_path)
    (recordings(v3) / "notes").mkdir()
    (recordings(v3) / ".hidden").mkdir()
    spoil(recordings(v3) / "ecommerce_01_aa")
    loaded = FdbV3().load(v3, {})
    assert len(loaded.items) == 2
    (aside,) = loaded.quarantined
    assert (aside.row, aside.kind) == ("ecommerce_01_aa", kind)
    assert why in aside.why


def test_a_folder_without_the_benchmark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="holds no recordings") as caught:
        FdbV3().load(tmp_path, {})
    assert "github.com/DanielLin94144/Full-Duplex-Bench" in caught.value.fix
    v3 = make_data(tmp_path)
    with pytest.raises(AppError, match="no option"):
        FdbV3().load(v3, {"colour": "red"})
    (v3 / "benchmark_data_v2.json").write_text('{"scenarios": 3}')
    with pytest.raises(AppError, match="holds no scenarios"):
        FdbV3().load(v3, {})
    (v3 / "benchmark_data_v2.json").write_text("[]")
    with pytest.raises(AppError, match="no recording that can be used"):
        FdbV3().load(v3, {})


def call(host: ToolHost, name: str, **args: Any) -> Any:
    found: list[Any] = []
    host.call(ToolCall(call_id="c", name=name, arguments=args), (), found.append)
    (result,) = found
    assert isinstance(result, ToolResult)
    return result.output if result.is_error else json.loads(result.output)


def test_tools_and_results_are_read_from_a_checkout_and_nothing_is_run(tmp_path: Path) -> None:
    v3 = make_data(tmp_path)
    host = FdbV3().toolbox(item(*TRACK, {"function": "own_tool", "args": {"a": 1}}), recordings(v3))
    assert [s.name for s in host.specs] == [
        "search_flights", "book_flight", "modify_autopay", "track_order", "search_products", "add_to_cart", "own_tool",
    ]  # fmt: skip
    by_name = {s.name: s for s in host.specs}
    assert by_name["track_order"].description == "Says where an order is."
    assert by_name["track_order"].parameters == {
        "type": "object", "properties": {"order_id": {"type": "string", "description": "the number"}},
        "required": ["order_id"],
    }  # fmt: skip
    properties = by_name["search_products"].parameters["properties"]
    assert properties == {
        "query": {"type": "string", "description": "what to look for"}, "max_price": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}}, "sort": {"type": "string", "enum": ["price", "name"]},
        "deep": {"type": "integer"}, "other": {}, "more": {"type": "array", "items": {"type": "integer"}}, "free": {},
        "note": {"type": "string", "description": "a note"}, "odd": {"type": "string"}, "table": {"type": "object"},
    }  # fmt: skip
    assert by_name["search_products"].parameters["required"] == ["query", "sort", "more"]
    assert by_name["modify_autopay"].description == "Moves autopay."
    assert by_name["own_tool"].parameters["properties"] == {"a": {}}
    assert call(host, "track_order", order_id="A1") == {
        "order_id": "A1", "status": "on its way", "eta": "in 3 days", "stamp": None,
    }  # fmt: skip
    assert call(host, "search_products", query="x", max_price=10) == {
        "items": [{"sku": "L1", "price": 30}], "first": {"sku": "L1", "price": 30}, "limit": 10, "half": 5.0,
        "none": None, "tuple": [1, None], "zero": None, "long": None,
    }  # fmt: skip
    assert call(host, "add_to_cart", sku="L1", quantity=2) == {"total": 60, "text": "sku L1", "bad": None}
    assert call(host, "search_flights", to="Oslo") == {"status": "success"}
    assert call(host, "track_order") == {"order_id": None, "status": "on its way", "eta": "in 3 days", "stamp": None}
    assert "There is no tool" in call(host, "nothing")
    assert host.notes[0] == "Tools as in mock_apis.py, lk_agent_tool.py."
    assert "No schema was found of own_tool" in host.notes[1]
    assert "No fixed result was found of book_flight, search_flights, modify_autopay, own_tool" in host.notes[2]


def test_tools_and_results_of_json_files_win(tmp_path: Path) -> None:
    v3 = make_data(tmp_path)
    tool = {"name": "track_order", "description": "d", "input_schema": {"type": "object"}}
    value = {"tools": [tool], "results": {"track_order": {"status": "a"}}}
    (v3 / "tools.json").write_text(json.dumps(value))
    host = FdbV3().toolbox(item(*TRACK), v3)
    assert [s.name for s in host.specs] == ["track_order"]
    assert host.notes == ("Tools as in tools.json.",)
    assert call(host, "track_order", order_id="A1") == {"status": "a"}
    cases = {"cases": [3, {"args": {"order_id": "a1"}, "result": [1]}], "default": "none"}
    (v3 / "mock_results.json").write_text(json.dumps({"track_order": cases}))
    host = FdbV3().toolbox(item(*TRACK), v3)
    assert call(host, "track_order", order_id="A1") == [1]
    assert call(host, "track_order", order_id="B") == "none"
    (v3 / "tools.json").write_text(json.dumps([{"type": "function", "function": tool}]))
    assert [s.description for s in FdbV3().toolbox(item(*TRACK), v3).specs] == ["d"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools.json", {}),
        ("tools.json", []),
        ("tools.json", [{"name": "x"}]),
        ("tools.json", [{"name": "x", "description": "", "parameters": 3}]),
        ("tools.json", [3]),
        ("tools.json", {"tools": [{"name": "x", "description": ""}], "results": []}),
        ("mock_results.json", [1]),
    ],
)
def test_files_of_tools_that_cannot_be_used_are_refused(tmp_path: Path, name: str, value: Any) -> None:
    (tmp_path / name).write_text(json.dumps(value))
    with pytest.raises(AppError, match=name):
        FdbV3().toolbox(item(*TRACK), tmp_path)


def test_without_anything_tools_are_made_of_the_expected_calls(tmp_path: Path) -> None:
    host = FdbV3().toolbox(item(*TRACK, *BUY, *TRACK), tmp_path)
    assert [s.name for s in host.specs] == ["track_order", "search_products", "add_to_cart"]
    assert host.specs[1].parameters["properties"] == {"query": {}, "max_price": {}}
    assert "made of the names" in host.notes[0]
    assert len(TOOL_NAMES) == 12


@pytest.mark.parametrize(
    "text",
    [
        "def track_order(a):\n    x.y = 1\n    a, b = 1, 2\n    z: int\n    w: int = f()\n    return",
        "def track_order(a):\n    return json.loads(3)",
        "def track_order(a):\n    return json.dumps()",
        "def track_order(a):\n    return json.dumps(result)",
        "def track_order(a):\n    with b():\n        c()\n    return {**a}['x']",
        "def track_order(a, *, b, c=1):\n    try:\n        d()\n    except E:\n        return {}\n    return {x(): 1}",
        "X = {'track_order': f()}\nY = {'track_order': {'name': 'track_order', 'description': '', 'parameters': {}}}",
        "Z = {}\nX = Y = 3\nX.y = 4",
    ],
)
def test_what_a_mock_computes_in_another_way_is_not_known(text: str) -> None:
    found = read_source(text, frozenset({"track_order"}))
    assert [mock({"a": {}}) for mock in found.mocks.values()] in ([], [None])


def test_what_is_no_tool() -> None:
    assert spec_of_json(3) is None
    assert spec_of_json({"function": {"name": 3}}) is None
    assert spec_of_json({"name": "a"}) is None


def sounds(_: str, __: str) -> Any:
    return np.full(1600, 1000, np.int16)


def test_official_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    items = [item(*TRACK), item(name="b"), item(name="c")]
    tools = (
        ToolUse(name="delegate", arguments={"task": "x"}, t0_s=1.0),
        ToolUse(name="track_order", arguments={"order_id": "A1"}, t0_s=5.0, t1_s=5.2, output="{}", is_error=True),
        ToolUse(name="track_order", arguments="{broken", t0_s=5.5),
    )
    given = answer(tools=tools, user_text="Where is A1?", words=(Word(6.0, 6.5, "It"), Word(6.5, None, "is")))
    answers = {"ecommerce_01_aa": {"main": given}, "b": {"main": Answer()}}
    out = tmp_path / "official"
    written = FdbV3().write_official(out, items, answers, lambda i, p: None if i == "b" else sounds(i, p))
    assert [p.relative_to(out).as_posix() for p in written] == [
        "ecommerce_01_aa/result_tmlapp.json", "ecommerce_01_aa/output_tmlapp.wav", "b/result_tmlapp.json",
    ]  # fmt: skip
    with wave.open(str(written[1])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (24_000, 1, 2400)
    value = json.loads(written[0].read_text())
    assert value["example_id"] == "ecommerce_01"
    assert value["user_speech_end_rel"] == 4.0
    assert value["audio_agent_speech_start"] == 6.0
    assert value["perceived_total_latency"] == 2.0
    assert value["asr_chunks"][1] == {"text": "is", "timestamp": [6.5, None]}
    assert value["latency"] == {"first_response_s": 2.0, "first_tool_call_s": 1.0}
    assert value["actual_tool_calls"][0] == {
        "function": "track_order", "args": {"order_id": "A1"}, "timestamp_start": 5.0, "timestamp_end": 5.2,
        "result": "{}", "is_error": True,
    }  # fmt: skip
    back = FdbV3().read_official(out, items)
    assert set(back) == {"ecommerce_01_aa", "b"}
    read = back["ecommerce_01_aa"]["main"]
    assert (read.text, read.words, read.user_words, read.user_text) == (
        given.text, given.words, given.user_words, given.user_text,
    )  # fmt: skip
    assert read.tools[0] == tools[1]
    assert read.audio == str(written[1])
    for profile in ("official", "clean"):
        first, second = (
            FdbV3().grade(
                [Entry.of(i, found.get(i.id)) for i in items], profile=profile, params={}, sources=Sources(judge=Says())
            )
            for found in (_with_parts(items, answers), back)
        )
        assert first.metrics == second.metrics
    again = tmp_path / "again"
    (rewritten, *_) = FdbV3().write_official(again, items, back, sounds)
    assert json.loads(rewritten.read_text()) == value


def _with_parts(items: list[SuiteItem], answers: dict[str, dict[str, Answer]]) -> dict[str, dict[str, Answer]]:
    return {i.id: answers[i.id] for i in items if i.id in answers}


def test_results_of_others_are_read_whatever_they_leave_out(tmp_path: Path) -> None:
    place = tmp_path / "fdb_v3_data_released" / "a"
    place.mkdir(parents=True)
    chunks = [{"text": "hi", "timestamp": [None, None]}, {"text": "you", "timestamp": [1, None]}]
    calls = [{"function": "f"}, {"function": "g", "args": None}]
    value = {
        "transcript": None, "asr_chunks": chunks, "actual_tool_calls": calls, "user_speech_end_rel": 2,
        "audio_agent_speech_start": None,
    }  # fmt: skip
    (place / "result_gpt_realtime.json").write_text(json.dumps(value))
    read = FdbV3().read_official(tmp_path, [item(name="a"), item(name="b")])["a"]["main"]
    assert read.words == (Word(1.0, None, "you"),)
    assert [(t.name, t.arguments, t.t0_s, t.t1_s) for t in read.tools] == [("f", {}, 0.0, None), ("g", "{}", 0.0, None)]
    assert read.extra == {"user_speech_end_rel": 2.0, "audio_agent_speech_start": None, "has_chunks": True}
    assert read.audio == ""
    (place / "result_other.json").write_text("{}")
    with pytest.raises(AppError, match="several providers: gpt_realtime, other"):
        FdbV3().read_official(tmp_path, [item(name="a")])


@pytest.mark.parametrize(
    "value", [[], {"asr_chunks": [3]}, {"user_speech_end_rel": "x"}, {"actual_tool_calls": [{"args": {}}]}]
)
def test_a_result_that_is_none_is_refused(tmp_path: Path, value: Any) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "result_x.json").write_text(json.dumps(value))
    with pytest.raises(AppError, match="no result of Full-Duplex-Bench v3"):
        FdbV3().read_official(tmp_path, [item(name="a")])


def test_results_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AppError, match="cannot be written"):
        FdbV3().write_official(tmp_path / "file", [item()], {"ecommerce_01_aa": {"main": Answer()}}, sounds)


def test_a_model_uses_the_tools_of_the_benchmark_in_a_session(tmp_path: Path) -> None:
    v3 = make_data(tmp_path)
    host = FdbV3().toolbox(item(*TRACK), v3)
    script: list[dict[str, Any]] = [
        {"t_s": 0.2, "call": "track_order", "arguments": {"order_id": "A1"}, "id": "a"},
        {"after": "a", "text": "$result"},
    ]
    log = MemoryLog()
    session = LiveSession(
        feed=ListFeed([captured(k) for k in range(5)]),
        endpoint=ScriptedEndpoint(script),
        info=session_info,
        make_log=lambda info, fail: log,  # noqa: ARG005 - a factory's form
        clock=ManualClock(1_000),
        options=SessionOptions(virtual_time=True),
        toolbox=CombinedToolbox(host),
    )
    session.start()
    assert session.wait(60)
    (result,) = [c for turn in log.turns for c in turn.controls]
    assert isinstance(result, ToolResult)
    assert json.loads(result.output)["status"] == "on its way"
    assert [c.text for c in log.cues] == [result.output]
