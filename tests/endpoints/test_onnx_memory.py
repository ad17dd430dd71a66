"""The memory of a local model in files, and a model that was checked and then opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.endpoints.minimodel import Plain, write_model
from tests.endpoints.talk import COUNT_SQUATS, DRAIN_S, Heard, converse, finish, frame, setup_for, turn
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    SessionOpened,
    TextOut,
    UnitDone,
)
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_local import OnnxEndpoint

pytestmark = pytest.mark.unit


@pytest.fixture
def endpoint(tmp_path: Path) -> OnnxEndpoint:
    return OnnxEndpoint("onnx:mini", write_model(tmp_path / "mini"))


def changed(folder: Path, **keys: object) -> OnnxEndpoint:
    """The minimal model with other top-level keys."""

    def change(manifest: Plain) -> None:
        manifest.update(keys)

    return OnnxEndpoint("onnx:mini", write_model(folder, change=change))


def test_a_session_goes_on_from_a_saved_state(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    turns = [turn(i, frames=[frame(i * TURN_NS, colour=(i * 25, 0, 0))]) for i in range(8)]
    whole = converse(endpoint, turns)
    duplex = endpoint.open(setup_for(), Heard())
    for one in turns[:4]:
        duplex.push(one)
    duplex.drain(DRAIN_S)
    duplex.save_state(tmp_path / "at4.npz")
    duplex.close()
    rest = converse(endpoint, turns[4:], setup_for(options={"state": str(tmp_path / "at4.npz")}))
    assert [u.diagnostics["activity"] for u in rest.of(UnitDone)] == [
        u.diagnostics["activity"] for u in whole.of(UnitDone)[4:]
    ]


def test_reset_forgets_what_was_seen(endpoint: OnnxEndpoint) -> None:
    heard = Heard()
    duplex = endpoint.open(setup_for(), heard)
    duplex.push(turn(0, frames=[frame(0)]))
    duplex.drain(DRAIN_S)
    duplex.reset()
    finish(duplex, [turn(1)])
    assert heard.of(UnitDone)[1].diagnostics["activity"] == [0.0]


def test_a_state_of_another_model_is_refused(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    other = changed(tmp_path / "other", name="other")
    duplex = other.open(setup_for(), Heard())
    duplex.save_state(tmp_path / "s.npz")
    duplex.close()
    with pytest.raises(OnnxContractError, match="another model"):
        endpoint.open(setup_for(options={"state": str(tmp_path / "s.npz")}), Heard())


def test_a_damaged_state_is_refused(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    (tmp_path / "s.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(OnnxContractError, match="E_STATE_FILE"):
        endpoint.open(setup_for(options={"state": str(tmp_path / "s.npz")}), Heard())


def test_a_state_with_other_tensors_is_refused(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    duplex = endpoint.open(setup_for(), Heard())
    duplex.save_state(tmp_path / "s.npz")
    duplex.close()
    with np.load(tmp_path / "s.npz") as file:
        arrays = dict(file)
    arrays["next.count"] = np.zeros((2, 2), np.float32)
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(OnnxContractError, match="does not hold the states"):
        endpoint.open(setup_for(options={"state": str(tmp_path / "s.npz")}), Heard())


def test_a_state_that_cannot_be_written_is_an_error(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    duplex = endpoint.open(setup_for(), Heard())
    with pytest.raises(AppError, match="cannot be written"):
        duplex.save_state(tmp_path / "no" / "s.npz")
    duplex.close()


# ---------------------------------------------------------------- checked, then opened


def test_files_that_change_between_check_and_open_are_noticed(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    endpoint.check(COUNT_SQUATS)
    (tmp_path / "mini" / "model.onnx").write_bytes(b"changed")
    with pytest.raises(OnnxContractError, match="E_FILE_HASH"):
        endpoint.open(setup_for(), Heard())


def test_a_file_that_goes_between_check_and_open_is_noticed(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    endpoint.check(COUNT_SQUATS)
    (tmp_path / "mini" / "prev.npy").unlink()
    with pytest.raises(OnnxContractError, match="E_FILE_MISSING"):
        endpoint.open(setup_for(), Heard())


def test_a_checked_model_answers(endpoint: OnnxEndpoint) -> None:
    endpoint.check(COUNT_SQUATS)
    assert len(converse(endpoint, [turn(0, level=1)]).of(TextOut)) == 1


def test_a_forced_provider_is_used(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0)], setup_for(options={"provider": "cpu"}))
    assert heard.of(SessionOpened)[0].granted.provider == "CPUExecutionProvider"
    assert heard.of(SessionOpened)[0].granted.rejections == ()
    with pytest.raises(OnnxContractError, match="E_PROVIDER"):
        endpoint.open(setup_for(options={"provider": "abacus"}), Heard())
