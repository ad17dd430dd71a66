"""The minimal model of the contract (section 9), built with `onnx.helper`; damage it to test the loader.

It says phrase i when the loudest sample of a micro-turn is i/10 of full scale (unless its task is `none`), counts
its steps in `state.count`, keeps the newest picture in `state.prev` and shows their difference as `diag.activity`.
"""

from __future__ import annotations

import hashlib
import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

COUNT, HEIGHT, WIDTH = 2, 24, 32
PHRASES = ("", "one", "two", "three")
LEVEL = 3277
"""One tenth of full scale, as PCM16."""

Graph = onnx.ModelProto
Plain = dict[str, Any]


def _const(name: str, value: Any, dtype: Any = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype=dtype), name)


def mini_graph(*, speech: bool = False, fragile: bool = False, gain: float = 1.0) -> Graph:
    """The graph; `speech` echoes the audio times `gain`; `fragile` gives NaN above 0.95 and fails at full scale."""
    f, i64 = TensorProto.FLOAT, TensorProto.INT64
    node = helper.make_node
    picture = [1, 1, HEIGHT, WIDTH, 3]
    inputs = [
        helper.make_tensor_value_info("audio", f, [1, 3200]),
        helper.make_tensor_value_info("frames", TensorProto.UINT8, [1, COUNT, HEIGHT, WIDTH, 3]),
        helper.make_tensor_value_info("task", i64, [1]),
        helper.make_tensor_value_info("state.count", f, [1, 1]),
        helper.make_tensor_value_info("state.prev", f, picture),
    ]
    outputs = [
        helper.make_tensor_value_info("say", f, [1, len(PHRASES)]),
        helper.make_tensor_value_info("diag.activity", f, [1, 1]),
        helper.make_tensor_value_info("next.count", f, [1, 1]),
        helper.make_tensor_value_info("next.prev", f, picture),
    ]
    constants = [
        _const("tenths", 10.0),
        _const("one_step", [[1.0]]),
        _const("places", [list(range(len(PHRASES)))]),
        _const("one_int", [1], np.int64),
        _const("last", [COUNT - 1], np.int64),
        _const("end", [COUNT], np.int64),
        _const("axis1", [1], np.int64),
        _const("scale", 1.0 / 255.0),
        _const("flat", [1, 1], np.int64),
    ]
    nodes = [
        node("Abs", ["audio"], ["loud"]),
        node("ReduceMax", ["loud", "axis1"], ["peak"], keepdims=1),
        node("Min", ["task", "one_int"], ["on_int"]),
        node("Cast", ["on_int"], ["on"], to=f),
        node("Mul", ["peak", "tenths"], ["level10"]),
        node("Mul", ["level10", "on"], ["gated"]),
        node("Round", ["gated"], ["level"]),
        node("Sub", ["level", "places"], ["off"]),
        node("Abs", ["off"], ["distance"]),
        node("Neg", ["distance"], ["say_plain"]),
        node("Add", ["state.count", "one_step"], ["next.count"]),
        node("Cast", ["frames"], ["frames_f"], to=f),
        node("Slice", ["frames_f", "last", "end", "axis1"], ["newest"]),
        node("Mul", ["newest", "scale"], ["next.prev"]),
        node("Sub", ["next.prev", "state.prev"], ["moved"]),
        node("Abs", ["moved"], ["moved_abs"]),
        node("ReduceMean", ["moved_abs"], ["activity"], keepdims=0),
        node("Reshape", ["activity", "flat"], ["diag.activity"]),
    ]
    if fragile:
        constants += [_const("edge", 0.95), _const("zero", 0.0), _const("table", np.zeros(10))]
        nodes += [
            node("Sub", ["edge", "peak"], ["room"]),
            node("Sqrt", ["room"], ["root"]),
            node("Cast", ["level10"], ["index"], to=i64),
            node("Gather", ["table", "index"], ["looked_up"]),
            node("Mul", ["root", "zero"], ["poison"]),
            node("Add", ["poison", "looked_up"], ["poison2"]),
            node("Add", ["say_plain", "poison2"], ["say"]),
        ]
    else:
        nodes.append(node("Identity", ["say_plain"], ["say"]))
    if speech:
        constants += [_const("gain", gain), _const("from0", [0], np.int64), _const("to1600", [1600], np.int64)]
        nodes += [
            node("Slice", ["audio", "from0", "to1600", "axis1"], ["head"]),
            node("Concat", ["audio", "head"], ["longer"], axis=1),
            node("Mul", ["longer", "gain"], ["speech"]),
        ]
        outputs.append(helper.make_tensor_value_info("speech", f, [1, 4800]))
    graph = helper.make_graph(nodes, "mini", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def mini_manifest() -> Plain:
    """The manifest; `write_model` fills `files`."""
    return {
        "contract": "tmlapp-interaction-onnx/1",
        "name": "mini",
        "version": "1.0.0",
        "licence": "Apache-2.0",
        "description": "Says a number for a loudness.",
        "chunk_ms": 200,
        "model": "model.onnx",
        "audio": {"input": "pcm", "rate": 16000, "output_rate": 24000},
        "frames": {"input": "rgb_u8", "count": COUNT, "height": HEIGHT, "width": WIDTH, "fit": "letterbox"},
        "task": {
            "kind": "enum",
            "options": ["none", "count_reps", "every_n_seconds"],
            "rules": [
                {"match": "count (out )?(the |my )?(reps|repetitions).*(?P<action>squat|push-?up)s?", "option": 1},
                {"match": "every (?P<seconds>[0-9.]+) seconds", "option": 2},
                {"match": "^stop", "option": 0},
            ],
            "params": [],
            "default": None,
        },
        "vocabulary": [
            {"text": ""},
            {"text": "one", "wav": "phrases/one.wav"},
            {"text": "two"},
            {"text": "three"},
        ],
        "say_policy": {"min_margin": 0.0, "repeat_ms": 0},
        "states": [
            {"name": "count", "dtype": "float32", "shape": [1, 1], "init": 0.0},
            {"name": "prev", "dtype": "float32", "shape": [1, 1, HEIGHT, WIDTH, 3], "init": {"file": "prev.npy"}},
        ],
        "diagnostics": [{"name": "activity", "size": 1, "range": [0, 1]}],
        "runtime": {
            "opset": 18,
            "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"],
            "step_budget_ms": 120,
            "max_lag_chunks": 5,
        },
        "files": [],
        "provenance": {"code": "tests/endpoints/minimodel.py", "seed": 0, "excluded": ["nothing was trained"]},
    }


def write_wav(path: Path, *, rate: int = 24_000, channels: int = 1, samples: int = 2400) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = (3000 * np.sin(np.arange(samples * channels) * 0.1)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone.tobytes())


def listing(folder: Path, name: str) -> Plain:
    """One entry of `files`."""
    raw = (folder / name).read_bytes()
    return {"path": name, "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}


def write_model(
    folder: Path,
    *,
    graph: Graph | None = None,
    manifest: Plain | None = None,
    before: Callable[[Path], object] | None = None,
    change: Callable[[Plain], object] | None = None,
) -> Path:
    """Write a model folder.

    Args:
        folder: made if it is missing.
        graph, manifest: the minimal ones by default.
        before: changes files before their hashes are taken.
        change: changes the manifest after `files` was filled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = manifest if manifest is not None else mini_manifest()
    (folder / "model.onnx").write_bytes((graph if graph is not None else mini_graph()).SerializeToString())
    np.save(folder / "prev.npy", np.zeros((1, 1, HEIGHT, WIDTH, 3), dtype=np.float32))
    write_wav(folder / "phrases" / "one.wav")
    if before is not None:
        before(folder)
    plain["files"] = [listing(folder, name) for name in ("model.onnx", "prev.npy", "phrases/one.wav")]
    if change is not None:
        change(plain)
    (folder / "manifest.json").write_text(json.dumps(plain), encoding="utf-8")
    return folder
