"""Recorded sessions are replayed without a fault, and whatever goes wrong is found with its line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.traces.__main__ import main
from tests.traces.by_codec import CodecRun
from tests.traces.by_socket import SocketRun, socket_faults
from tests.traces.dialects import Spoken, detect, spoken_in
from tests.traces.lines import Trace, read_trace
from tests.traces.report import replay
from tests.traces.sessions import Row, family, gemini, live, received, sent, sound, write
from tmlapp.core.event import (
    AudioOut,
    EndpointEvent,
    TextOut,
    TextOutDone,
    ToolCall,
    TurnDone,
    TurnStarted,
    UserTranscript,
)
from tmlapp.endpoints.remote.contract import Action, Codec, Opened, Send, Start

pytestmark = pytest.mark.unit

Mangle = Callable[[Sequence[Action]], Sequence[Action]]
SESSIONS = {"gemini_live": gemini, "openai_live": live, "openai_realtime": family}


class Broken:
    """A codec whose every answer goes through `mangle`."""

    def __init__(self, codec: Codec, mangle: Mangle) -> None:
        self._codec = codec
        self._mangle = mangle

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._codec, name)
        if name not in ("hello", "receive", "turn", "end_of_input"):
            return found
        return lambda *given: list(self._mangle(list(found(*given))))


def traced(tmp_path: Path, rows: Sequence[Row]) -> Trace:
    return read_trace(write(tmp_path / "session.jsonl", rows))


def broken(spoken: Spoken, mangle: Mangle) -> Spoken:
    def codec(start: Start) -> Any:
        return Broken(spoken.dialect.codec(start), mangle)

    return replace(spoken, dialect=replace(spoken.dialect, codec=codec))


def run_broken(tmp_path: Path, rows: Sequence[Row], mangle: Mangle) -> list[str]:
    """What is found where the codec is broken like that."""
    trace = traced(tmp_path, rows)
    spoken = spoken_in(trace)
    assert spoken is not None
    assert CodecRun(trace, spoken).faults == []
    return [f"{fault.line} {fault.what}" for fault in CodecRun(trace, broken(spoken, mangle)).faults]


def without(kind: type[EndpointEvent]) -> Mangle:
    return lambda actions: [a for a in actions if not isinstance(a, kind)]


def twice(kind: type[EndpointEvent]) -> Mangle:
    return lambda actions: [b for a in actions for b in ((a, a) if isinstance(a, kind) else (a,))]


def changed(kind: type[EndpointEvent], **members: Any) -> Mangle:
    def mangle(actions: Sequence[Action]) -> Sequence[Action]:
        return [replace(a, **members) if isinstance(a, kind) else a for a in actions]

    return mangle


def test_every_recorded_session_is_replayed_without_a_fault(shared_data: Path) -> None:
    files = sorted((shared_data / "traces").glob("*.jsonl"))
    assert files
    reports = {path.name: replay(path) for path in files}
    assert [f"{name}:{f.line} {f.what}" for name, report in reports.items() for f in report.faults] == []
    assert sum(report.sockets for report in reports.values())
    assert {report.kind for report in reports.values()} >= {"gemini_live", "openai_realtime"}


@pytest.mark.parametrize("kind", SESSIONS)
def test_made_up_sessions_with_what_nobody_knows_yet_are_replayed(kind: str, tmp_path: Path) -> None:
    report = replay(write(tmp_path / "no-hint-in-its-name", SESSIONS[kind]()))
    assert (report.kind, report.faults, report.sockets) == (kind, [], 1)
    assert report.unknown.total() == 1


def test_command_prints_a_line_for_each_fault_and_a_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path / "good.jsonl", family())
    rows: list[Row | str | bytes] = [
        *family(),
        "{",
        '["a"]',
        received(),
        {"direction": "up", "json": {}},
        {"direction": "sent"},
    ]
    rows += [{"direction": "sent", "at": "soon", "json": {}}, b"\xff\xfe", "", {"direction": 7, "json": {"a": 1}}]
    bad = write(tmp_path / "bad.jsonl", rows)
    assert main(["--no-socket", str(good)]) == 0
    assert "0 faults" in capsys.readouterr().out
    assert main(["--no-socket", "--verbose", str(good), str(bad), str(tmp_path / "none.jsonl")]) == 1
    lines = capsys.readouterr().out.splitlines()
    places = [line.split(" ")[0].removeprefix(str(tmp_path) + "/") for line in lines]
    first = len(family()) + 1
    wrong = [f"bad.jsonl:{first + n}" for n in (0, 1, 2, 3, 4, 5, 6, 8)]
    assert places[: len(wrong) + 3] == ["good.jsonl:", *wrong, "bad.jsonl:", "none.jsonl:0"]
    assert "is not JSON" in lines[1]
    assert "neither sent nor received" in lines[4]
    assert lines[-1].startswith("3 files: ")
    assert lines[-1].endswith("9 faults")


def test_command_runs_as_a_program_and_explains_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.traces"]
    path = write(tmp_path / "s.jsonl", ["[" * 100_000])
    done = subprocess.run([*command, str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith(f"{path}:1 is not JSON")
    assert done.stderr == ""
    told = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "Exit status 1" in told.stdout


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "there is no frame in it"),
        ([sent(type="session.update")], "nothing was received in it"),
        ([received(type="a.b"), received(c=1)], "speaks no protocol that is known here"),
    ],
)
def test_a_file_that_is_no_session_is_a_fault(rows: list[Row], fault: str, tmp_path: Path) -> None:
    assert [f.what for f in replay(write(tmp_path / "x", rows)).faults] == [fault]


def test_a_folder_and_an_enormous_file_are_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert replay(tmp_path).faults[0].what.startswith("cannot be read")
    monkeypatch.setattr("tests.traces.lines.LARGEST_BYTES", 3)
    assert "larger than" in replay(write(tmp_path / "x", family())).faults[0].what


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (received(type="session.created", sglang={}), "sglang_omni"),
        (received(type="session.created", server_event_seq=1), "vllm_omni"),
        (received(type="session.finished"), "qwen_omni"),
        (received(type="unmute.additional_outputs", a=received(type="error")), None),
        (received(type="session.output_transcript.delta"), "openai_live"),
        (received(goAway={}), "gemini_live"),
        (sent(realtime_input={}), "gemini_live"),
    ],
)
def test_protocol_is_told_by_the_frames(row: Row, kind: str | None, tmp_path: Path) -> None:
    found = detect(traced(tmp_path, [row]))
    assert (found[0] if found else None) == kind


def test_unmute_is_told_by_its_own_messages(tmp_path: Path) -> None:
    found = detect(
        traced(tmp_path, [received(type="session.updated"), received(type="unmute.response.text.delta.ready")])
    )
    assert found == ("unmute", "family")


@pytest.mark.parametrize("kind", SESSIONS)
@pytest.mark.parametrize(
    ("mangle", "fault"),
    [
        (without(TextOut), "says '"),
        (changed(TextOut, delta="x"), "says '"),
        (twice(TextOut), "says '"),
        (without(AudioOut), "bytes of sound so far"),
        (changed(AudioOut, pcm16=b"\0\0"), "bytes of sound so far"),
        (twice(AudioOut), "bytes of sound so far"),
        (without(ToolCall), "the adapter calls nothing"),
        (changed(ToolCall, name="g"), "g({"),
        (changed(ToolCall, arguments={"n": 2}), "({'n': 2})"),
        (changed(ToolCall, call_id="other"), "calls with the id"),
        (twice(ToolCall), "which the recording does not"),
        (lambda actions: [a for a in actions if not isinstance(a, Opened)], "did not notice"),
        (changed(TextOutDone, text="something else"), "TextOutDone says"),
    ],
)
def test_every_difference_of_an_adapter_is_found(kind: str, mangle: Mangle, fault: str, tmp_path: Path) -> None:
    found = run_broken(tmp_path, SESSIONS[kind](), mangle)
    assert any(fault in line for line in found), found


@pytest.mark.parametrize("kind", ["gemini_live", "openai_realtime"])
@pytest.mark.parametrize(
    ("mangle", "fault"),
    [
        (without(TurnDone), "ends one response, the adapter 0"),
        (twice(TurnDone), "a second time"),
        (changed(TurnDone, status="incomplete"), "the adapter as incomplete"),
        (lambda a: [TurnDone(status="completed") if isinstance(e, TurnStarted) else e for e in a], "ends no response"),
        (changed(UserTranscript, text="x"), "the adapter heard"),
        (without(UserTranscript), "the adapter heard ''"),
    ],
)
def test_every_difference_in_turns_and_what_was_heard_is_found(
    kind: str, mangle: Mangle, fault: str, tmp_path: Path
) -> None:
    found = run_broken(tmp_path, SESSIONS[kind](), mangle)
    assert any(fault in line for line in found), found


def test_sound_after_the_end_of_its_turn_is_found(tmp_path: Path) -> None:
    def mangle(actions: Sequence[Action]) -> Sequence[Action]:
        late = [
            AudioOut(pcm16=b"\0\0", rate=24_000, response_id=a.response_id) for a in actions if isinstance(a, TurnDone)
        ]
        return [*actions, *late]

    found = run_broken(tmp_path, family(), mangle)
    assert any("which ended at line" in line for line in found)
    assert any("gives sound, and the frame has none" in line for line in found)


def _said_nothing(actions: Sequence[Action]) -> Sequence[Action]:
    return [a for a in actions if not isinstance(a, Send) or "session" in a.message]


def _said_otherwise(actions: Sequence[Action]) -> Sequence[Action]:
    def other(action: Action) -> Action:
        if not isinstance(action, Send):
            return action
        text = json.dumps(action.message).replace("Count.", "Sing.")
        return Send(json.loads(text))

    return [other(a) for a in actions]


def _says_more(actions: Sequence[Action]) -> Sequence[Action]:
    more = any(isinstance(a, TurnStarted) for a in actions)
    return [*actions, Send({"type": "conversation.item.delete"})] if more else actions


def _fails(actions: Sequence[Action]) -> Sequence[Action]:
    if any(isinstance(a, TextOut) for a in actions):
        raise KeyError("x")
    return actions


@pytest.mark.parametrize(
    ("mangle", "fault"),
    [
        (_said_nothing, "5 sends conversation.item.create, the adapter does not"),
        (_said_otherwise, "5 sends 'Count.', the adapter's conversation.item.create does not"),
        (_says_more, "8 made the adapter send conversation.item.delete, which the recording never does"),
        (_fails, "9 made the adapter fail: KeyError: 'x'"),
    ],
)
def test_what_the_adapter_sends_and_that_it_fails_is_found(mangle: Mangle, fault: str, tmp_path: Path) -> None:
    assert fault in run_broken(tmp_path, family(), mangle)


def test_a_frame_that_cannot_be_understood_is_a_fault_with_its_line(tmp_path: Path) -> None:
    rows = family()
    rows[9] = received(type="response.output_audio.delta", response_id="r1", item_id="i1", delta="no base64!")
    faults = [f"{f.line} {f.what}" for f in replay(write(tmp_path / "x", rows), socket=False).faults]
    assert "10 has sound that is not base64" in faults
    assert any(fault.startswith("10 was not understood") for fault in faults)


def test_a_recording_that_contradicts_itself_is_a_fault(tmp_path: Path) -> None:
    rows = [row for row in family() if row["json"].get("delta") != " two"]
    faults = [f.what for f in replay(write(tmp_path / "x", rows), socket=False).faults]
    assert "the whole text is 'One two', the adapter's pieces make 'One'" in faults


def test_an_adapter_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    def refuse(start: Start) -> Codec:
        raise ValueError("no")

    trace = traced(tmp_path, family())
    spoken = spoken_in(trace)
    assert spoken is not None
    spoken = replace(spoken, dialect=replace(spoken.dialect, codec=refuse))
    assert [f.what for f in CodecRun(trace, spoken).faults] == ["the adapter cannot be made: ValueError: no"]
    assert any("does not open a session" in f.what for f in SocketRun(trace, spoken).run())


def test_over_sockets_an_adapter_that_says_nothing_or_leaves_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.traces.by_socket.WAIT_S", 0.3)
    monkeypatch.setattr("tests.traces.by_socket.OWN_S", 0.05)
    trace = traced(tmp_path, family())
    spoken = spoken_in(trace)
    assert spoken is not None
    silent = [f.what for f in socket_faults(trace, broken(spoken, _said_nothing)) or ()]
    assert "sends conversation.item.create, the adapter does not (socket)" in silent
    left = [f.what for f in socket_faults(trace, broken(spoken, _fails)) or ()]
    assert any("A fault in tmlapp" in what for what in left)
    more = [f.what for f in socket_faults(trace, broken(spoken, _instead)) or ()]
    assert (
        "sends conversation.item.create, the adapter conversation.item.delete, which the recording never does" in more
    )


def _instead(actions: Sequence[Action]) -> Sequence[Action]:
    def other(action: Action) -> Action:
        message: Mapping[str, Any] | bytes = action.message if isinstance(action, Send) else b""
        changed = isinstance(message, Mapping) and message.get("type") == "conversation.item.create"
        return Send({"type": "conversation.item.delete"}) if changed else action

    return [other(a) for a in actions]


def test_a_session_that_is_never_acknowledged_is_read_by_the_codec_alone(tmp_path: Path) -> None:
    rows = [row for row in family() if row["json"].get("type") not in ("session.created", "session.updated")]
    report = replay(write(tmp_path / "x", rows))
    assert (report.faults, report.sockets) == ([], 0)


def test_what_a_picture_and_other_frames_of_a_client_mean_does_no_harm(tmp_path: Path) -> None:
    picture = [{"type": "input_image", "image_url": "data:image/jpeg;base64,AAAA"}, {"type": "input_text", "text": "?"}]
    rows = [
        *family()[:4],
        sent(type="conversation.item.create", item={"type": "message", "role": "user", "content": picture}),
        sent(type="conversation.item.create", item=None),
        sent(type="response.cancel"),
        *family()[4:],
    ]
    assert replay(write(tmp_path / "x", rows), socket=False).faults == []
    assert len(sound(4)) == 8


_ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
_ODDER = _ODD | st.dictionaries(st.sampled_from(["id", "type", "text", "data", "parts"]), _ODD, max_size=2)


def damaged(value: Any, draw: Callable[[Any], Any]) -> Any:
    """`value` with something else in one place of it."""
    if draw(st.integers(0, 3)) == 0 or not value or not isinstance(value, dict | list):
        return draw(_ODDER)
    if isinstance(value, list):
        at = draw(st.integers(0, len(value) - 1))
        return [damaged(v, draw) if i == at else v for i, v in enumerate(value)]
    name = draw(st.sampled_from(sorted(value)))
    return {k: damaged(v, draw) if k == name else v for k, v in value.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(sorted(SESSIONS)))
def test_a_damaged_recording_is_never_more_than_faults(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    rows = [dict(row) for row in SESSIONS[kind]()]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(rows) - 1))
        rows[at]["json"] = damaged(rows[at]["json"], data.draw)
    report = replay(write(tmp_path / "x", rows), socket=False)
    assert not [f for f in report.faults if "made the adapter fail" in f.what]
