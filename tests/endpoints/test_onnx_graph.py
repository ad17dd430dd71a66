"""Every error code of the loader that the graph can cause, each by damaging exactly one thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.endpoints.minimodel import Graph, Plain, listing, mini_graph, mini_manifest, write_model
from tests.endpoints.test_onnx_contract import refused
from tmlapp.endpoints.onnx_contract import load_model

pytestmark = pytest.mark.unit


def damaged(folder: Path, change: Callable[[Graph], object]) -> Path:
    graph = mini_graph()
    change(graph)
    return write_model(folder, graph=graph)


def value(graph: Graph, name: str) -> onnx.ValueInfoProto:
    found: onnx.ValueInfoProto = next(v for v in (*graph.graph.input, *graph.graph.output) if v.name == name)
    return found


def rename(graph: Graph, old: str, new: str) -> None:
    value(graph, old).name = new
    for node in graph.graph.node:
        node.input[:] = [new if n == old else n for n in node.input]
        node.output[:] = [new if n == old else n for n in node.output]


def producer(graph: Graph, output: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(n for n in graph.graph.node if output in n.output)
    return found


def test_a_file_that_is_no_onnx(tmp_path: Path) -> None:
    refused(
        write_model(tmp_path, before=lambda f: (f / "model.onnx").write_bytes(b"\x08\xff" * 9)),
        "E_ONNX_INVALID",
    )


def test_an_empty_onnx_file(tmp_path: Path) -> None:
    refused(write_model(tmp_path, before=lambda f: (f / "model.onnx").write_bytes(b"")), "E_ONNX_INVALID")


def test_a_graph_that_the_checker_refuses(tmp_path: Path) -> None:
    error = refused(damaged(tmp_path, lambda g: producer(g, "loud").input.__setitem__(0, "nowhere")), "E_ONNX_INVALID")
    assert "checker" in error.message


def test_a_custom_operator(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        producer(graph, "loud").domain = "com.example"
        graph.opset_import.append(helper.make_opsetid("com.example", 1))

    assert "com.example.Abs" in refused(damaged(tmp_path, change), "E_ONNX_INVALID").message


def test_a_function_of_the_model_itself_is_no_custom_operator(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        producer(graph, "loud").domain = "own"
        body = [helper.make_node("Abs", ["x"], ["y"])]
        opsets = [helper.make_opsetid("", 18)]
        graph.functions.append(helper.make_function("own", "Abs", ["x"], ["y"], body, opsets))
        graph.opset_import.append(helper.make_opsetid("own", 1))

    load_model(damaged(tmp_path, change))


def test_an_opset_newer_than_the_runtime(tmp_path: Path) -> None:
    refused(damaged(tmp_path, lambda g: setattr(g.opset_import[0], "version", 999)), "E_ONNX_INVALID")


def test_a_graph_that_only_onnxruntime_refuses(tmp_path: Path) -> None:
    error = refused(damaged(tmp_path, lambda g: setattr(g, "ir_version", 99)), "E_ONNX_INVALID")
    assert error.message


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("audio", "sound", "E_IO_MISSING"),
        ("frames", "pictures", "E_IO_MISSING"),
        ("task", "job", "E_IO_MISSING"),
        ("say", "speak", "E_IO_MISSING"),
        ("diag.activity", "diag.motion", "E_IO_MISSING"),
    ],
)
def test_a_name_that_is_missing(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert old in refused(damaged(tmp_path, lambda g: rename(g, old, new)), code).message


def test_an_input_too_many(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        graph.graph.input.append(helper.make_tensor_value_info("patches", TensorProto.FLOAT, [1]))

    assert "patches" in refused(damaged(tmp_path, change), "E_IO_UNKNOWN").message


def test_an_output_too_many(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        graph.graph.output.append(helper.make_tensor_value_info("loud", TensorProto.FLOAT, [1, 3200]))

    assert "loud" in refused(damaged(tmp_path, change), "E_IO_UNKNOWN").message


def test_an_input_of_another_type(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        value(graph, "task").type.tensor_type.elem_type = TensorProto.INT32
        next(c for c in graph.graph.initializer if c.name == "one_int").CopyFrom(
            numpy_helper.from_array(np.array([1], np.int32), "one_int")
        )

    assert "task is int32" in refused(damaged(tmp_path, change), "E_IO_DTYPE").message


def test_an_output_without_a_number_type(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        producer(graph, "next.count").output[0] = "count_f"
        graph.graph.node.append(helper.make_node("Cast", ["count_f"], ["next.count"], to=TensorProto.STRING))
        value(graph, "next.count").type.tensor_type.elem_type = TensorProto.STRING

    assert "next.count" in refused(damaged(tmp_path, change), "E_IO_DTYPE").message


def test_an_input_of_another_length(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        value(graph, "audio").type.tensor_type.shape.dim[1].dim_value = 1600

    assert "[1, 1600]" in refused(damaged(tmp_path, change), "E_IO_SHAPE").message


def test_a_symbolic_dimension(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        value(graph, "audio").type.tensor_type.shape.dim[0].dim_param = "batch"

    assert "batch" in refused(damaged(tmp_path, change), "E_IO_SHAPE").message


def test_a_state_without_its_next(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        graph.graph.output.remove(value(graph, "next.count"))

    assert "next.count" in refused(damaged(tmp_path, change), "E_STATE").message


def test_a_next_without_its_state(tmp_path: Path) -> None:
    def change(graph: Graph) -> None:
        graph.graph.input.remove(value(graph, "state.count"))
        graph.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 1), np.float32), "state.count"))

    assert "state.count" in refused(damaged(tmp_path, change), "E_STATE").message


def test_states_of_more_than_256_mib(tmp_path: Path) -> None:
    huge = [1, 70_000_000]
    graph, manifest = mini_graph(), mini_manifest()
    graph.graph.input.append(helper.make_tensor_value_info("state.huge", TensorProto.FLOAT, huge))
    graph.graph.output.append(helper.make_tensor_value_info("next.huge", TensorProto.FLOAT, huge))
    graph.graph.node.append(helper.make_node("Identity", ["state.huge"], ["next.huge"]))
    manifest["states"].append({"name": "huge", "dtype": "float32", "shape": huge, "init": 0.0})
    assert "280" in refused(write_model(tmp_path, graph=graph, manifest=manifest), "E_STATE").message


def test_external_data_must_be_listed_and_inside(tmp_path: Path) -> None:
    def external(location: str) -> Graph:
        graph = mini_graph()
        tensor = next(c for c in graph.graph.initializer if c.name == "places")
        onnx.external_data_helper.set_external_data(tensor, location)
        return graph

    def weights(folder: Path) -> None:
        (folder / "weights.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())
        model = onnx.load(str(folder / "model.onnx"), load_external_data=False)
        next(c for c in model.graph.initializer if c.name == "places").ClearField("raw_data")
        (folder / "model.onnx").write_bytes(model.SerializeToString())

    unlisted = write_model(tmp_path / "a", graph=external("weights.bin"), before=weights)
    assert "weights.bin" in refused(unlisted, "E_FILE_UNLISTED").message
    outside = write_model(tmp_path / "b", graph=external("../weights.bin"), before=weights)
    assert ".." in refused(outside, "E_PATH").message
    listed = tmp_path / "c"
    write_model(
        listed,
        graph=external("weights.bin"),
        before=weights,
        change=lambda m: m["files"].append(listing(listed, "weights.bin")),
    )
    assert load_model(listed).manifest.name == "mini"


# ---------------------------------------------------------------- the self-test


def poisoned(folder: Path, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> Path:
    """`say` plus whatever `nodes` give under the name `poison`."""
    graph = mini_graph()
    producer(graph, "say").output[0] = "say_clean"
    graph.graph.initializer.extend(constants)
    graph.graph.node.extend([*nodes, helper.make_node("Add", ["say_clean", "poison"], ["say"])])
    return write_model(folder, graph=graph)


def test_nan_on_silence(tmp_path: Path) -> None:
    folder = poisoned(tmp_path, [helper.make_node("Div", ["peak", "peak"], ["poison"])], [])
    assert "NaN or Inf in say" in refused(folder, "E_SELFTEST").message


def test_a_step_that_fails(tmp_path: Path) -> None:
    constants = [
        numpy_helper.from_array(np.zeros(2, np.float32), "table"),
        numpy_helper.from_array(np.array(7.0, np.float32), "seven"),
    ]
    nodes = [
        helper.make_node("Add", ["peak", "seven"], ["far"]),
        helper.make_node("Cast", ["far"], ["far_i"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "far_i"], ["poison"]),
    ]
    assert "failed" in refused(poisoned(tmp_path, nodes, constants), "E_SELFTEST").message


def test_a_model_that_rolls_dice(tmp_path: Path) -> None:
    dice = helper.make_node("RandomNormal", [], ["poison"], shape=[1, 4])
    assert "two different results" in refused(poisoned(tmp_path, [dice], []), "E_SELFTEST").message


def test_a_state_may_begin_at_infinity(tmp_path: Path) -> None:
    def change(plain: Plain) -> None:
        plain["states"][0]["init"] = 1e39

    folder = write_model(tmp_path)
    text = json.loads((folder / "manifest.json").read_text())
    change(text)
    (folder / "manifest.json").write_text(json.dumps(text))
    with np.errstate(over="ignore"):
        assert np.isinf(load_model(folder).initial["count"]).all()


def test_a_forced_provider_that_is_not_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_model(tmp_path)
    assert "abacus" in refused(folder, "E_PROVIDER", provider="abacus").message
    assert capfd.readouterr() == ("", "")


def test_nothing_is_printed_where_there_is_no_gpu(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_model(write_model(tmp_path))
    assert capfd.readouterr() == ("", "")
