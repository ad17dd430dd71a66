"""The shipped folder keeps the local-model contract."""

from __future__ import annotations

import hashlib
import json
import re
import wave
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

pytestmark = pytest.mark.unit

TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64"}


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys))
    return dict(pairs)


@pytest.fixture(scope="module")
def manifest(model_dir: Path) -> dict[str, Any]:
    text = (model_dir / "manifest.json").read_text(encoding="utf-8")
    return dict(json.loads(text, object_pairs_hook=no_duplicates))


@pytest.fixture(scope="module")
def session(model_dir: Path, manifest: dict[str, Any]) -> Any:
    return ort.InferenceSession(str(model_dir / manifest["model"]), providers=["CPUExecutionProvider"])


def test_files_are_listed_with_their_hashes(model_dir: Path, manifest: dict[str, Any]) -> None:
    listed = {entry["path"] for entry in manifest["files"]}
    used = {manifest["model"]} | {v["wav"] for v in manifest["vocabulary"] if "wav" in v}
    used |= set(manifest["x-recordings"].values())
    for grammar in manifest["x-hearing"]["grammars"].values():
        used |= {grammar["file"], grammar["noisy"]["file"]}
    assert used == listed
    for entry in manifest["files"]:
        data = (model_dir / entry["path"]).read_bytes()
        assert len(data) == entry["bytes"]
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]


def test_inputs_and_outputs_match(manifest: dict[str, Any], session: Any) -> None:
    f = manifest["frames"]
    shapes = {
        "frames": [1, f["count"], f["height"], f["width"], 3],
        "task": [1],
        "task_params": [1, len(manifest["task"]["params"])],
    }
    states = {s["name"]: s for s in manifest["states"]}
    inputs = {i.name: i for i in session.get_inputs()}
    outputs = {o.name: o for o in session.get_outputs()}
    assert set(inputs) == set(shapes) | {f"state.{n}" for n in states}
    assert set(outputs) == {"say"} | {f"next.{n}" for n in states} | {
        f"diag.{d['name']}" for d in manifest["diagnostics"]
    }
    assert {n: inputs[n].shape for n in shapes} == shapes
    assert outputs["say"].shape == [1, len(manifest["vocabulary"])]
    for name, state in states.items():
        for end in (inputs[f"state.{name}"], outputs[f"next.{name}"]):
            assert end.shape == state["shape"]
            assert TYPES[end.type] == state["dtype"]


def test_vocabulary_and_rules(model_dir: Path, manifest: dict[str, Any]) -> None:
    texts = [v["text"] for v in manifest["vocabulary"]]
    assert texts[0] == ""
    assert len(set(texts)) == len(texts)
    for entry in manifest["vocabulary"]:
        if "wav" in entry:
            with wave.open(str(model_dir / entry["wav"])) as file:
                assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24000)
                assert 0.1 < file.getnframes() / 24000 < 1.2
        else:
            assert entry["text"] in ("", "{content}")
    for rule in manifest["task"]["rules"]:
        groups = re.compile(rule["match"], re.ASCII).groupindex
        assert 0 <= rule["option"] < len(manifest["task"]["options"])
        for param, group in rule.get("params", {}).items():
            assert param in manifest["task"]["params"]
            assert group in groups


def test_size(model_dir: Path, manifest: dict[str, Any]) -> None:
    assert (model_dir / "model.onnx").stat().st_size < 5_000_000
    assert sum(e["bytes"] for e in manifest["files"]) < 11_000_000
    assert manifest["licence"] == "Apache-2.0"
    assert manifest["provenance"]["excluded"]
