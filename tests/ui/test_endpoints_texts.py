"""What the endpoint screens say and keep, without a window: connection, agreement, frames, addresses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.ui.remote_fake import granted
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    ConnectionChanged,
    EndpointError,
    InputLost,
    Interrupted,
    Limit,
    Notice,
    RoundTrip,
    SessionOpened,
    TextOutDone,
    WireFrame,
)
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.ui.endpoints.granted_rows import Fact, details_of, facts_of, limits_of
from tmlapp.ui.endpoints.link import (
    Link,
    fold_link,
    left_text,
    limit_text,
    link_text,
    state_icon,
    state_level,
    state_word,
)
from tmlapp.ui.endpoints.recent import address_text, known_addresses, recent_addresses, use_address
from tmlapp.ui.endpoints.wire_model import ROW, WireModel
from tmlapp.ui.endpoints.wire_rows import TEXT_MOST, WireFilter, kind_of, row_of_frame, summary_of, wire_line
from tmlapp.ui.endpoints.wire_save import save_wire
from tmlapp.ui.eventlog import EventLog

pytestmark = pytest.mark.unit


def linked(*events: Any) -> Link:
    link = Link()
    for event in events:
        link = fold_link(link, event)
    return link


def frame(index: int, message: Any, *, sent: bool = False, note: str = "", size: int = 100) -> WireFrame:
    direction: Any = "sent" if sent else "received"
    return WireFrame(
        index=index, direction=direction, size=size, message=message, note=note, t_rx_ns=index * 100 * NS_PER_MS
    )


# ---------------------------------------------------------------------------------------------- connection


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ConnectionChanged(state="connecting"), "connecting"),
        (ConnectionChanged(state="waiting", reason="Position 2."), "waiting in the queue · Position 2"),
        (ConnectionChanged(state="configuring"), "setting up"),
        (ConnectionChanged(state="open", reason="fine"), "open"),
        (ConnectionChanged(state="reconnecting", attempt=2), "reconnecting, try 2"),
        (ConnectionChanged(state="reconnecting"), "reconnecting"),
        (ConnectionChanged(state="draining"), "finishing"),
        (ConnectionChanged(state="closed", reason="closed"), "closed"),
    ],
)
def test_each_state_has_a_word_an_icon_and_a_level(event: ConnectionChanged, words: str) -> None:
    link = linked(event)
    assert link_text(link) == words
    assert state_icon(link).startswith("fa6s.")
    assert state_level(link) in ("good", "notice", "muted")


def test_a_local_endpoint_has_no_connection() -> None:
    assert (state_word(Link()), state_icon(Link()), link_text(Link())) == ("", "", "")
    assert fold_link(Link(), Interrupted()) == Link()


def test_round_trip_and_what_was_lost_stand_behind_the_state() -> None:
    lost = InputLost(micro_turn=1, what="turn", reason="away")
    video = InputLost(micro_turn=4, what="video", reason="slow")
    link = linked(ConnectionChanged(state="open"), RoundTrip(rtt_ns=18 * NS_PER_MS), lost, lost, video)
    assert link_text(link) == "open · round trip 18 ms · 2 micro-turns lost · 1 without older pictures"
    assert linked(ConnectionChanged(state="open"), ConnectionChanged(state="open")).connections == 1


def test_a_limit_counts_down_on_the_session_clock() -> None:
    early = Limit(kind="going_away", remaining_ms=90_000, t_rx_ns=10 * NS_PER_S)
    link = linked(SessionOpened(granted=granted()), early, Limit(kind="context", ratio=0.95))
    facts = {fact.what: fact for fact in limits_of(link, 60 * NS_PER_S)}
    assert facts["Session ends"] == Fact("Session ends", "59:00 left")
    assert facts["Connection ends"] == Fact("Connection ends", "0:40 left", warn=True)
    assert facts["Memory of the model"] == Fact("Memory of the model", "95 % used", warn=True)
    assert limit_text(early) == "connection ends, 1:30 left"
    assert limit_text(Limit(kind="rate", ratio=0.5, message="slow down")) == "slow down, 50 % used"
    assert left_text(7_384 * NS_PER_S) == "2 h 03 min left"
    assert left_text(-5) == "0:00 left"


def test_a_limit_without_a_number_is_at_least_announced() -> None:
    (fact,) = limits_of(linked(Limit(kind="rate")), 0)
    assert (fact.what, fact.how) == ("Rate of requests", "announced")


# ---------------------------------------------------------------------------------------------- what is granted


def test_the_agreement_is_said_in_words() -> None:
    facts = {fact.what: fact.how for fact in facts_of(granted())}
    assert facts["Model"] == "omni-7b"
    assert facts["Where"] == "lab.example.org · profile:lab"
    assert facts["Takes"] == "audio, image, text at 16 kHz"
    assert facts["Cadence"] == "every 200 ms, the first after 400 ms, each one acknowledged"
    assert facts["Turns"] == "the model decides when it speaks; may speak unasked"
    assert facts["Can be"].count("✓") == 3
    assert "✕ resumed" in facts["Can be"]
    assert facts["Pictures"] == "up to 1 in each unit, 524 kB each at most"
    assert facts["Our conversion"] == "adds 1.2 ms"


def test_what_was_not_granted_is_not_made_up() -> None:
    plain = granted(
        local=True, provider="", modalities_in=(), modalities_out=("text",), frames_per_unit=0, max_image_bytes=0,
        clock_kind=None, input_delay_ms=0.0, turn_owner="client", proactive=False, first_unit_ms=0,
    )  # fmt: skip
    facts = {fact.what: fact.how for fact in facts_of(plain)}
    assert facts["Where"] == "on this machine"
    assert facts["Takes"] == "not said"
    assert facts["Gives"] == "text"
    assert facts["Turns"] == "it speaks when we ask it to; never speaks unasked"
    assert not {"Pictures", "Its clock", "Our conversion"} & set(facts)


def test_details_are_in_the_endpoints_own_words_and_empty_ones_are_left_out() -> None:
    told = granted(details={"strict_order": True, "voice": None, "limits": {"max_bytes": 5}, "names": ["a", "b"]})
    assert details_of(told) == [Fact("strict order", "yes"), Fact("limits", "max bytes 5"), Fact("names", "a, b")]


# ---------------------------------------------------------------------------------------------- frames


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"type": "session.update"}, "session.update"),
        ({"event": "ready"}, "ready"),
        ({"serverContent": {"modelTurn": {"parts": []}}}, "serverContent.modelTurn"),
        ({"usageMetadata": {"n": 1}, "setupComplete": {}}, "setupComplete"),
        ({"usageMetadata": {"n": 1}}, "usageMetadata.n"),
        ({"bytes": 12, "sha256": "ab"}, "binary"),
        ({}, "{}"),
        ("hello", "text"),
        ([1], "list"),
    ],
)
def test_a_frame_is_called_what_it_calls_itself(message: Any, kind: str) -> None:
    assert kind_of(message) == kind


def test_a_line_says_what_a_frame_holds_without_identifiers() -> None:
    message = {"type": "x", "event_id": "e1", "audio": {"bytes": 6400, "sha256": "ab" * 32}, "t_ms": 5, "note": ""}
    assert summary_of(message) == "audio ‹6.4 kB› · t_ms 5"
    assert summary_of({"delta": "one  two\nthree"}) == "delta “one two three”"
    assert len(summary_of({"text": "x" * 1000})) <= 160
    deep: Any = 1
    for _ in range(50):
        deep = {"in": deep}
    assert "…" in summary_of(deep)


@pytest.mark.parametrize(
    ("message", "note", "error"),
    [
        ({"type": "error", "error": {"code": "x"}}, "", True),
        ({"type": "response.failed"}, "", True),
        ({"type": "response.done", "error": None}, "", False),
        ({"type": "audio"}, "it was not understood", True),
    ],
)
def test_what_went_wrong_is_marked(message: Any, note: str, error: bool) -> None:
    row = row_of_frame(frame(0, message, note=note))
    assert row.error is error
    assert row.summary.startswith(note)


def test_a_giant_frame_is_cut_here_and_stays_a_valid_line() -> None:
    row = row_of_frame(frame(3, {"type": "session.update", "text": "ä" * 200_000}))
    assert not row.whole
    assert len(row.text) == TEXT_MOST
    assert isinstance(row.value(), str)
    assert json.loads(wire_line(row))["json"] == row.text


def test_search_finds_all_words_anywhere_in_a_frame() -> None:
    row = row_of_frame(frame(1, {"type": "response.text.delta", "delta": "Seven reps"}, sent=False))
    assert WireFilter(words="seven RESPONSE").shows(row)
    assert not WireFilter(words="seven eight").shows(row)
    assert not WireFilter(direction="sent").shows(row)
    assert WireFilter(kind="response.text.delta").shows(row)
    assert not WireFilter(kind="other").shows(row)
    assert not WireFilter(errors=True).shows(row)


def test_the_store_is_bounded_and_forgets_the_oldest_first() -> None:
    model = WireModel(most_frames=100)
    for start in range(0, 1000, 10):
        model.add([frame(i, {"type": f"k{i % 3}", "i": i}, sent=i % 2 == 0) for i in range(start, start + 10)])
    kept = [row.index for row in model.kept]
    assert len(kept) <= 100
    assert kept == list(range(kept[0], 1000))
    assert model.gone == kept[0]
    assert sum(model.kinds.values()) == len(kept)
    assert not model.holds(0)
    assert model.holds(999)
    assert model.place_of(999) == model.rowCount() - 1
    assert model.place_of(5) is None
    model.clear()
    assert (model.rowCount(), model.gone, model.sent_bytes) == (0, 0, 0)


def test_the_store_is_bounded_in_characters_too_and_with_a_filter() -> None:
    model = WireModel(most_chars=10_000)
    model.set_filter(WireFilter(direction="sent"))
    for i in range(200):
        model.add([frame(i, {"type": "t", "text": "x" * 500}, sent=i % 2 == 0)])
    assert sum(len(row.text) for row in model.kept) <= 10_000
    assert all(row.sent for row in model.shown())
    assert [row.index for row in model.shown()] == [row.index for row in model.kept if row.sent]
    assert model.index(0, 0).data(ROW).sent


def test_a_connection_that_broke_stands_among_the_errors_between_the_frames() -> None:
    model = WireModel()
    model.add([frame(0, {"type": "a"}), frame(1, {"type": "b"})])
    model.add_connection(ConnectionChanged(state="reconnecting", reason="The connection broke.", t_rx_ns=5))
    model.add_connection(ConnectionChanged(state="open", epoch=1))
    failed = EndpointError(kind="network", code="1006", message="It broke for good.", fatal=True)
    model.add_connection(failed)
    model.add_connection(replace(failed, wire_ref=1))
    model.add([frame(2, {"type": "c"})])
    assert [row.kind for row in model.kept] == ["a", "b", "connection.reconnecting", "connection.1006", "c"]
    assert model.place_of(2) == 4
    model.set_filter(WireFilter(errors=True))
    assert [row.summary for row in model.shown()] == ["The connection broke.", "It broke for good."]
    assert model.data(model.index(0, 1)) == "connection"
    assert model.data(model.index(0, 3)) == ""
    assert not WireFilter(direction="received").shows(model.shown()[0])


def test_saved_frames_are_one_a_line_and_read_like_a_trace(tmp_path: Path) -> None:
    rows = [row_of_frame(frame(i, {"type": "t", "n": i}, sent=i == 0, note="odd" * (i == 2))) for i in range(3)]
    path = save_wire(rows, tmp_path / "new" / "wire.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["direction"] for line in lines] == ["sent", "received", "received"]
    assert [line["json"]["n"] for line in lines] == [0, 1, 2]
    assert lines[2]["note"] == "odd"
    assert lines[1]["at"] == 0.1
    assert not list(path.parent.glob("*.tmp"))


def test_frames_that_cannot_be_saved_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(AppError, match="could not be saved"):
        save_wire([], tmp_path / "file" / "wire.jsonl")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_recorded_sessions_of_real_services_are_listed(shared_data: Path) -> None:
    for path in sorted((shared_data / "traces").glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        model = WireModel()
        model.add(
            frame(i, line["json"], sent=line["direction"] == "sent") for i, line in enumerate(lines) if "json" in line
        )
        assert model.rowCount() == len(lines)
        assert "list" not in model.kinds
        assert "" not in model.kinds


# ---------------------------------------------------------------------------------------------- events and addresses


def test_a_line_of_the_list_knows_the_frame_that_told_it() -> None:
    log = EventLog()
    log.add(TextOutDone(text="one", wire_ref=7))
    log.add(EndpointError(kind="server", code="c", message="m", fatal=False, wire_ref=9))
    log.add(Notice(t_ns=0, level="warning", what="The endpoint reported a problem (c)."))
    assert [(row.text, row.wire_ref) for row in log.rows] == [("one", 7), ("The endpoint reported a problem (c).", 9)]


def test_what_ends_the_session_is_told_as_an_error_and_limits_by_the_notice_alone() -> None:
    log = EventLog()
    log.add(EndpointError(kind="auth", code="401", message="No such key.", fatal=True))
    log.add(Limit(kind="rate"))
    assert [(row.who, row.text) for row in log.rows] == [("error", "No such key.")]


def test_addresses_are_short_and_the_latest_stand_first() -> None:
    assert address_text("profile:lab") == "lab"
    assert address_text("onnx:tiny") == "onnx · tiny"
    assert len(address_text("sglang_omni:wss://a.very.long.host.example.org/v1/realtime")) <= 28
    for address in ("a:1", "b:2", "a:1", *(f"c:{i}" for i in range(9))):
        use_address(address)
    assert recent_addresses()[0] == "c:8"
    assert len(recent_addresses()) == 6
    assert known_addresses() == recent_addresses()


def test_a_tuple_is_no_list_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.ui.endpoints.recent.remembered", lambda _page: {"addresses": 5})
    assert recent_addresses() == []


def test_a_row_can_be_changed_without_losing_its_frame() -> None:
    log = EventLog()
    log.add(TextOutDone(text="two", wire_ref=3))
    assert replace(log.rows[0], extra="+1 ms").wire_ref == 3
