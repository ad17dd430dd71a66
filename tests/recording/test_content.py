"""A message that reads as JSON is not yet what it should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.recording.parts import assert_turns, write_part
from tmlapp.core.event import TextOutDone, UnitDone
from tmlapp.recording.content import check, control_of
from tmlapp.recording.finalize import write_finished
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import recover
from tmlapp.recording.scan import Found, payloads, scan
from tmlapp.recording.schema import BY_ID, CHANNEL_IDS
from tmlapp.recording.verify import verify

pytestmark = pytest.mark.unit

TURN: dict[str, Any] = {
    "index": 0, "start_sample": 0, "t_ns": 0, "mono_ns": 1, "pcm_crc32": 2, "texts": [], "controls": [],
    "frames": [{"seq": 0, "t_ns": 0, "repeated": False, "width": 1, "height": 1, "crc32": 5}],
}  # fmt: skip
AUDIO: dict[str, Any] = {"type": "AudioOut", "pcm16": "", "rate": 24_000, "audio": {"seq": 0, "samples": 1, "crc32": 3}}


def found(topic: str, value: Any) -> Found:
    return Found(BY_ID[CHANNEL_IDS[topic]], 0, 0, json.dumps(value).encode())


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("/turn", TURN), ("/turn", TURN | {"new": 1}), ("/output", AUDIO),
        ("/output", AUDIO | {"audio": {"lost": True, "samples": 4}}),
        ("/checkpoint", {"turn": 1, "from": 0, "bytes": 3, "crc32": 7}),
        ("/cue", {"t_ns": 0, "kind": "say", "text": "x"}),
    ],
)  # fmt: skip
def test_what_is_whole_passes(topic: str, value: Any) -> None:
    check(found(topic, value))


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("/turn", {}), ("/turn", TURN | {"index": 1}), ("/turn", TURN | {"mono_ns": 1.5}),
        ("/turn", TURN | {"frames": [{}]}), ("/turn", TURN | {"frames": 7}),
        ("/turn", TURN | {"frames": [TURN["frames"][0] | {"repeated": 1}]}), ("/turn", TURN | {"texts": [{"txet": 1}]}),
        ("/turn", TURN | {"controls": [{"type": "Interrupt"}]}), ("/turn", TURN | {"controls": [{}]}),
        ("/turn", TURN | {"controls": ["x"]}), ("/output", {"type": "UnitDona"}), ("/output", AUDIO | {"rate": None}),
        ("/output", AUDIO | {"audio": {"seq": 0}}), ("/output", AUDIO | {"audio": 5}), ("/gap", {"type": "Gap"}),
        ("/cue", {"t_ns": 0}), ("/checkpoint", {"turn": 1}), ("/setup", {"name": "x"}),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_refused(topic: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check(found(topic, value))


def test_a_control_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no control"):
        control_of({"type": "Interrupd", "played_ns": 1})


def test_repair_leaves_out_what_is_malformed_and_counts_it(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path)
    data = part.read_bytes()
    data = data.replace(b'"type":"UnitDone"', b'"type":"UnitDona"', 1).replace(
        b'"start_sample":6400', b'"ztart_sample":6400'
    )
    part.write_bytes(data)
    report = recover(part)
    assert report.malformed == 2
    assert report.rebuilt_turns == (2,)
    assert not report.complete
    recording = Recording.open(report.path)
    assert_turns(recording, [0, 1, 3, 4])
    assert len(list(recording.events((UnitDone,)))) == 4
    assert len(list(recording.events((TextOutDone,)))) == 5


def test_verify_names_what_is_malformed(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path)
    data = part.read_bytes().replace(b'"type":"UnitDone"', b'"type":"UnitDona"', 1)
    table = scan(data)
    out = tmp_path / "x.mcap"
    write_finished(out, [m for _, m in payloads(data, table, iter(range(len(table))))], [])
    assert any("/output message 1 is malformed" in p for p in verify(out).problems)
