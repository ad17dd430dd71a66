"""From addresses to endpoints."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tests.endpoints.minimodel import write_model
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.endpoints import onnx_local, registry
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.registry import EndpointOptions, endpoint, endpoint_from_address, schemes
from tmlapp.endpoints.scripted import ScriptedEndpoint

pytestmark = pytest.mark.unit


@endpoint("toy")
def toy(target: str, options: EndpointOptions) -> Endpoint:
    return ScriptedEndpoint([], address=f"toy:{target}:{options.threads}")


def test_a_folder_is_a_local_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "mein Modell é")
    monkeypatch.chdir(tmp_path)
    for target in ("mein Modell é", "./mein Modell é", str(tmp_path / "mein Modell é")):
        made = endpoint_from_address(f"onnx:{target}", threads=2)
        made.check("")
        assert (made.address, made.local, made.host) == (f"onnx:{target}", True, "")


def test_a_bare_name_is_a_shipped_model_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "models"
    write_model(shipped / "tiny")
    monkeypatch.setattr(onnx_local, "models_dir", lambda: shipped)
    assert onnx_local.model_folder("tiny") == shipped / "tiny"
    monkeypatch.chdir(tmp_path)
    assert onnx_local.model_folder("models") == Path("models")
    with pytest.raises(OnnxContractError, match=r"neither a shipped model .*onnx:tiny"):
        endpoint_from_address("onnx:other")
    assert onnx_local.model_folder("~/m") == Path("~/m").expanduser()
    endpoint_from_address("onnx:tiny").check("")


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OnnxContractError, match="E_MANIFEST_MISSING"):
        endpoint_from_address(f"onnx:{tmp_path}/nothing").check("")


def test_a_script_is_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps([{"t_s": 1, "text": "one"}]))
    assert endpoint_from_address(f"scripted:{tmp_path}/s.json").local


@pytest.mark.parametrize("address", ["", "onnx", "onnx:", ":tiny"])
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(AppError, match="onnx:tiny"):
        endpoint_from_address(address)


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AppError, match=r"knows .*\bonnx, .*\bscripted, "):
        endpoint_from_address("telepathy:on")


def test_another_distribution_may_bring_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("toy", f"{__name__}:toy", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == "tmlapp.endpoints" else [])
    assert endpoint_from_address("toy:x", threads=3).address == "toy:x:3"
    assert "toy" in schemes()
