"""The other kinds of input that the contract knows: mel bins, patches, text and parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.endpoints.minimodel import Plain, mini_manifest, write_model
from tests.endpoints.talk import converse, frame, setup_for, turn
from tmlapp.core.event import TextOut, UnitDone
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.onnx_contract import load_model
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_local import OnnxEndpoint

pytestmark = pytest.mark.unit

Inputs = dict[str, tuple[int, list[int]]]
F, I32, I64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64


def summing_graph(inputs: Inputs) -> onnx.ModelProto:
    """Shows the sum of each input as `diag.<name>`; never speaks."""
    nodes, outputs = [], [helper.make_tensor_value_info("say", F, [1, 4])]
    for name, (_, shape) in inputs.items():
        axes = numpy_helper.from_array(np.arange(len(shape)), f"axes {name}")
        nodes += [
            helper.make_node("Constant", [], [f"axes {name}"], value=axes),
            helper.make_node("Cast", [name], [f"float {name}"], to=F),
            helper.make_node("ReduceSum", [f"float {name}", f"axes {name}"], [f"sum {name}"], keepdims=0),
            helper.make_node("Reshape", [f"sum {name}", "flat"], [f"diag.{name}"]),
        ]
        outputs.append(helper.make_tensor_value_info(f"diag.{name}", F, [1, 1]))
    quiet = helper.make_tensor("quiet", F, [1, 4], [1.0, 0.0, 0.0, 0.0])
    flat = numpy_helper.from_array(np.array([1, 1]), "flat")
    nodes.append(helper.make_node("Identity", ["quiet"], ["say"]))
    taken = [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()]
    graph = helper.make_graph(nodes, "sums", taken, outputs, [quiet, flat])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write(folder: Path, inputs: Inputs, **keys: Any) -> Path:
    plain: Plain = mini_manifest() | {"audio": {"input": "none"}, "states": [], "task": {"kind": "none"}}
    plain |= {"frames": None, "diagnostics": [{"name": n, "size": 1} for n in inputs]}
    return write_model(folder, graph=summing_graph(inputs), manifest=plain | keys)


def sums(folder: Path, turns: list[MicroTurn], instruction: str = "") -> list[dict[str, list[float]]]:
    heard = converse(OnnxEndpoint("onnx:sums", folder), turns, setup_for(instruction))
    assert not heard.of(TextOut)
    return [u.diagnostics for u in heard.of(UnitDone)]


def test_mel_bins_reach_the_graph(tmp_path: Path) -> None:
    folder = write(tmp_path, {"dmel": (I32, [1, 4, 80])}, audio={"input": "dmel"})
    assert [d["dmel"] for d in sums(folder, [turn(0), turn(1)])] == [[640.0], [640.0]]


def test_text_reaches_the_graph_as_bytes(tmp_path: Path) -> None:
    folder = write(tmp_path, {"task": (I32, [1, 8])}, task={"kind": "utf8", "length": 8})
    found = sums(folder, [turn(0, text="b"), turn(1)], "ab")
    assert [d["task"] for d in found] == [[98.0 + 99.0], [99.0]]


def test_parameters_reach_the_graph(tmp_path: Path) -> None:
    task = {
        "kind": "enum",
        "options": ["none", "every"],
        "rules": [{"match": "every (?P<s>[0-9.]+)", "option": 1, "params": {"period_s": "s"}}],
        "params": ["until_s", "period_s"],
    }
    inputs: Inputs = {"task": (I64, [1]), "task_params": (F, [1, 2])}
    found = sums(write(tmp_path, inputs, task=task), [turn(0)], "every four and a half seconds")
    assert (found[0]["task"], found[0]["task_params"]) == ([1.0], [4.0])


PATCHES = {"input": "patches40", "height": 80, "width": 120}


@pytest.mark.parametrize(
    ("keys", "count"),
    [({}, 6), ({"patch_rule": "inkling", "width": 110}, 6), ({"temporal_source": "last_two"}, 6)],
    ids=["exact", "inkling", "last two"],
)
def test_patches_reach_the_graph(tmp_path: Path, keys: Plain, count: int) -> None:
    folder = write(tmp_path, {"patches": (F, [1, count, 2, 40, 40, 3])}, frames=PATCHES | keys)
    dark, bright = sums(folder, [turn(0), turn(1, frames=[frame(200_000_000, 120, 80, colour=(255, 255, 255))] * 2)])
    assert dark["patches"][0] < 0 < bright["patches"][0]


@pytest.mark.parametrize(
    "keys",
    [{"width": 110}, {"width": 160}, {"temporal": 3, "temporal_source": "last_two"}, {"temporal": 1}],
    ids=["not whole patches", "another number", "last two of three", "another T"],
)
def test_patches_that_do_not_fit_the_sizes(tmp_path: Path, keys: Plain) -> None:
    folder = write(tmp_path, {"patches": (F, [1, 6, 2, 40, 40, 3])}, frames=PATCHES | keys)
    with pytest.raises(OnnxContractError) as caught:
        load_model(folder)
    assert caught.value.code == "E_RATE"


def test_a_diagnostic_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    graph = summing_graph({"audio": (F, [1, 3200])})
    graph.graph.node[-2].output[0] = "plain"
    # 0 / sum: fine for a sound, NaN for silence; the warm-up on zeros would see it, so one is added there.
    graph.graph.initializer.append(helper.make_tensor("edge", F, [1, 1], [0.5]))
    graph.graph.node.extend(
        [helper.make_node("Sub", ["edge", "plain"], ["room"]), helper.make_node("Sqrt", ["room"], ["diag.audio"])]
    )
    plain = mini_manifest() | {"states": [], "task": {"kind": "none"}, "frames": None}
    plain |= {"diagnostics": [{"name": "audio", "size": 1}]}
    found = sums(write_model(tmp_path, graph=graph, manifest=plain), [turn(0), turn(1, level=9)])
    assert ["audio" in d for d in found] == [True, False]


def test_operators_inside_branches_are_looked_at_too(tmp_path: Path) -> None:
    graph = summing_graph({"audio": (F, [1, 3200])})
    weights = numpy_helper.from_array(np.zeros((1, 4), np.float32), "w")
    out = helper.make_tensor_value_info("w", F, [1, 4])
    branch = helper.make_graph([helper.make_node("Constant", [], ["w"], value=weights)], "b", [], [out])
    custom = helper.make_graph([helper.make_node("Strange", [], ["w"], domain="com.example")], "c", [], [out])
    graph.graph.initializer.append(helper.make_tensor("yes", TensorProto.BOOL, [], [True]))
    graph.graph.node.append(helper.make_node("If", ["yes"], ["unused"], then_branch=branch, else_branch=custom))
    plain = mini_manifest() | {"states": [], "task": {"kind": "none"}, "frames": None}
    plain |= {"diagnostics": [{"name": "audio", "size": 1}]}
    with pytest.raises(OnnxContractError, match=r"com\.example\.Strange"):
        load_model(write_model(tmp_path, graph=graph, manifest=plain))
