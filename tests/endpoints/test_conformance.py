"""Every endpoint of this package keeps the adapter contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endpoints.conformance import check_conformance
from tests.endpoints.minimodel import write_model
from tests.endpoints.talk import COUNT_SQUATS, converse, turn
from tmlapp.core.event import SessionOpened
from tmlapp.endpoints.onnx_local import OnnxEndpoint
from tmlapp.endpoints.recorded import RecordedEndpoint
from tmlapp.endpoints.scripted import ScriptedEndpoint

pytestmark = pytest.mark.unit

SCRIPT = [{"t_s": 0.3, "text": "one"}, {"t_s": 1.0, "text": "hm", "channel": "thought"}, {"t_s": 1.05, "text": "two"}]


def test_a_local_model_conforms(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    check_conformance(lambda: OnnxEndpoint(f"onnx:{folder}", folder), COUNT_SQUATS)


def test_a_script_conforms() -> None:
    check_conformance(lambda: ScriptedEndpoint(SCRIPT))


def test_a_recording_conforms(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    heard = converse(OnnxEndpoint("onnx:mini", folder), [turn(i, level=i % 3) for i in range(12)])
    granted = heard.of(SessionOpened)[0].granted
    check_conformance(lambda: RecordedEndpoint(heard.events, granted, address="recorded:x.mcap"))
