"""The example in docs/local-onnx-model.md works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.endpoints.talk import converse, setup_for, turn
from tmlapp.core.event import TextOutDone
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.onnx_errors import FIXES
from tmlapp.endpoints.registry import endpoint_from_address

pytestmark = pytest.mark.unit

DOCUMENT = Path(__file__).parents[2] / "docs" / "local-onnx-model.md"


def test_the_smallest_model_of_the_document_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    monkeypatch.chdir(tmp_path)
    exec(compile(found.group(1), str(DOCUMENT), "exec"), {})
    endpoint = endpoint_from_address("onnx:mymodel")
    endpoint.check("")
    heard = converse(endpoint, [turn(0, level=3), turn(1, level=8), turn(2, level=8)], setup_for(""))
    assert [(e.text, e.t_rx_ns) for e in heard.of(TextOutDone)] == [("loud", 2 * TURN_NS)]


def test_every_code_is_explained() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert not [code for code in FIXES if f"`{code}`" not in text]
