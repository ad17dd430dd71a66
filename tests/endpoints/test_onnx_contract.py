"""Every error code of the loader, each by damaging exactly one thing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.endpoints.minimodel import Graph, Plain, listing, mini_graph, mini_manifest, write_model, write_wav
from tmlapp.endpoints.onnx_contract import load_model
from tmlapp.endpoints.onnx_errors import FIXES, OnnxContractError
from tmlapp.endpoints.onnx_step import Tensor

pytestmark = pytest.mark.unit


def refused(folder: Path, code: str, *, provider: str = "") -> OnnxContractError:
    """The error with which the model in `folder` is refused."""
    with pytest.raises(OnnxContractError) as caught:
        load_model(folder, provider=provider)
    assert caught.value.code == code, str(caught.value)
    assert caught.value.fix
    return caught.value


def test_the_minimal_model_is_accepted(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
    model = load_model(folder)
    assert model.provider == "CPUExecutionProvider"
    assert model.wavs.keys() == {1}
    assert model.initial["count"].tolist() == [[0.0]]


def test_three_steps_carry_the_states(tmp_path: Path) -> None:
    model = load_model(write_model(tmp_path))
    stepper = model.stepper()
    inputs: dict[str, Tensor] = {
        "audio": np.zeros((1, 3200), np.float32),
        "frames": np.full((1, 2, 24, 32, 3), 255, np.uint8),
        "task": np.array([1]),
    }
    activity = [float(stepper.step(inputs)["diag.activity"][0, 0]) for _ in range(3)]
    assert activity == [1.0, 0.0, 0.0]
    assert stepper.states()["count"].tolist() == [[3.0]]


def test_every_code_has_a_fix() -> None:
    for code, fix in FIXES.items():
        assert code.startswith("E_")
        assert fix.endswith(".")


# ---------------------------------------------------------------- the manifest as a file


def test_a_folder_without_manifest(tmp_path: Path) -> None:
    error = refused(tmp_path, "E_MANIFEST_MISSING")
    assert error.path == tmp_path / "manifest.json"
    assert error.to_json()["code"] == "E_MANIFEST_MISSING"


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").mkdir()
    refused(tmp_path, "E_MANIFEST_MISSING")


@pytest.mark.parametrize(
    "raw", [b"{", b"[1, 2", b'{"name": "a", "name": "b"}', b'{"name": "\xff"}', b"[" * 100_000], ids=range(5)
)
def test_a_manifest_that_is_no_json(tmp_path: Path, raw: bytes) -> None:
    write_model(tmp_path)
    (tmp_path / "manifest.json").write_bytes(raw)
    refused(tmp_path, "E_MANIFEST_JSON")


# ---------------------------------------------------------------- one change to the manifest


@dataclass(frozen=True)
class Damage:
    """One change to the manifest, the code that it must give, and a word of the message."""

    name: str
    code: str
    change: Callable[[Plain], object]
    says: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.name}"


def put(value: object, *keys: str | int) -> Callable[[Plain], None]:
    def change(plain: Plain) -> None:
        at = plain
        for key in keys[:-1]:
            at = at[key]  # type: ignore[index]
        at[keys[-1]] = value  # type: ignore[index]

    return change


def drop(*keys: str | int) -> Callable[[Plain], None]:
    def change(plain: Plain) -> None:
        at = plain
        for key in keys[:-1]:
            at = at[key]  # type: ignore[index]
        del at[keys[-1]]  # type: ignore[arg-type]

    return change


SCHEMA = [
    Damage("missing key", "E_MANIFEST_SCHEMA", drop("vocabulary"), "vocabulary is missing"),
    Damage("unknown key", "E_MANIFEST_SCHEMA", put(1, "colour"), "colour"),
    Damage("unknown nested key", "E_MANIFEST_SCHEMA", put(1, "audio", "gain"), "audio.gain"),
    Damage("unknown key of a phrase", "E_MANIFEST_SCHEMA", put(1, "vocabulary", 1, "loud"), "vocabulary[1].loud"),
    Damage("not an object", "E_MANIFEST_SCHEMA", put([], "audio"), "audio must be an object"),
    Damage("not a text", "E_MANIFEST_SCHEMA", put(5, "name"), "name"),
    Damage("not a whole number", "E_MANIFEST_SCHEMA", put("200", "chunk_ms"), "chunk_ms"),
    Damage("a truth value as number", "E_MANIFEST_SCHEMA", put(True, "chunk_ms"), "chunk_ms"),
    Damage("not a number", "E_MANIFEST_SCHEMA", put("x", "say_policy", "min_margin"), "min_margin"),
    Damage("not a truth value", "E_MANIFEST_SCHEMA", put("no", "say_policy", "interrupts"), "interrupts"),
    Damage("not a list", "E_MANIFEST_SCHEMA", put({}, "vocabulary"), "vocabulary must be a list"),
    Damage("not a list of texts", "E_MANIFEST_SCHEMA", put([1], "task", "options"), "task.options"),
    Damage("empty options", "E_MANIFEST_SCHEMA", put([], "task", "options"), "task.options"),
    Damage("unknown audio", "E_MANIFEST_SCHEMA", put("opus", "audio", "input"), "audio.input"),
    Damage("unknown frames", "E_MANIFEST_SCHEMA", put("yuv", "frames", "input"), "frames.input"),
    Damage("unknown task", "E_MANIFEST_SCHEMA", put("json", "task", "kind"), "task.kind"),
    Damage("empty licence", "E_MANIFEST_SCHEMA", put(" ", "licence"), "licence"),
    Damage("empty provenance", "E_MANIFEST_SCHEMA", put({}, "provenance"), "provenance"),
    Damage("state of texts", "E_MANIFEST_SCHEMA", put("zero", "states", 0, "init"), "init"),
    Damage("odd shape", "E_MANIFEST_SCHEMA", put([1, -1], "states", 0, "shape"), "shape"),
    Damage("odd range", "E_MANIFEST_SCHEMA", put([1], "diagnostics", 0, "range"), "range"),
    Damage("odd rule option", "E_MANIFEST_SCHEMA", put("1", "task", "rules", 0, "option"), "option"),
    Damage("odd rule params", "E_MANIFEST_SCHEMA", put([], "task", "rules", 0, "params"), "params"),
    Damage("odd sha256", "E_MANIFEST_SCHEMA", put("abc", "files", 0, "sha256"), "sha256"),
]
OTHERS = [
    Damage("contract", "E_CONTRACT_VERSION", put("tmlapp-interaction-onnx/2", "contract"), "/2"),
    Damage("absolute path", "E_PATH", put("/etc/passwd", "model"), "absolute"),
    Damage("absolute path of Windows", "E_PATH", put("C:\\model.onnx", "model"), "absolute"),
    Damage("path upwards", "E_PATH", put("../model.onnx", "model"), ".."),
    Damage("path upwards in files", "E_PATH", put("phrases/../../x", "files", 0, "path"), ".."),
    Damage("wrong hash", "E_FILE_HASH", put("0" * 64, "files", 0, "sha256"), "sha256"),
    Damage("wrong size", "E_FILE_HASH", put(1, "files", 0, "bytes"), "bytes"),
    Damage("model not listed", "E_FILE_UNLISTED", lambda m: m["files"].pop(0), "model.onnx"),
    Damage("state file not listed", "E_FILE_UNLISTED", lambda m: m["files"].pop(1), "prev.npy"),
    Damage("wav not listed", "E_FILE_UNLISTED", lambda m: m["files"].pop(2), "one.wav"),
    Damage("file gone", "E_FILE_MISSING", put("phrases/two.wav", "files", 2, "path"), "two.wav"),
    Damage("frames not declared", "E_IO_UNKNOWN", drop("frames"), "frames"),
    Damage("task not declared", "E_IO_UNKNOWN", put({"kind": "none"}, "task"), "task"),
    Damage("no audio declared", "E_IO_UNKNOWN", put("none", "audio", "input"), "audio"),
    Damage("state not declared", "E_IO_UNKNOWN", lambda m: m["states"].pop(0), "state.count"),
    Damage("diagnostic not declared", "E_IO_UNKNOWN", put([], "diagnostics"), "diag.activity"),
    Damage("diagnostic not there", "E_IO_MISSING", put("vad", "diagnostics", 0, "name"), "diag.vad"),
    Damage("state not there", "E_IO_MISSING", put("sum", "states", 0, "name"), "state.sum"),
    Damage("dmel not there", "E_IO_MISSING", put("dmel", "audio", "input"), "dmel"),
    Damage("size of a diagnostic", "E_IO_SHAPE", put(2, "diagnostics", 0, "size"), "diag.activity"),
    Damage("chunk_ms", "E_RATE", put(100, "chunk_ms"), "chunk_ms"),
    Damage("rate", "E_RATE", put(8000, "audio", "rate"), "audio.rate"),
    Damage("output rate", "E_RATE", put(16000, "audio", "output_rate"), "output_rate"),
    Damage("width", "E_RATE", put(64, "frames", "width"), "frames"),
    Damage("count", "E_RATE", put(1, "frames", "count"), "frames"),
    Damage("phrases", "E_VOCAB", lambda m: m["vocabulary"].append({"text": "four"}), "5 phrases"),
    Damage("first phrase", "E_VOCAB", put("hm", "vocabulary", 0, "text"), "[0]"),
    Damage("empty phrase", "E_VOCAB", put(" ", "vocabulary", 2, "text"), "[2]"),
    Damage("duplicate phrase", "E_VOCAB", put("two", "vocabulary", 3, "text"), "twice"),
    Damage("placeholder with wav", "E_VOCAB", put("{action}", "vocabulary", 1, "text"), "placeholder"),
    Damage("type of a state", "E_STATE", put("float64", "states", 0, "dtype"), "float64"),
    Damage("shape of a state", "E_STATE", put([1, 2], "states", 0, "shape"), "[1, 2]"),
    Damage("shape of an init", "E_STATE", put([[1.0, 2.0]], "states", 0, "init"), "[1, 2]"),
    Damage("ragged init", "E_STATE", put([[1.0], [1.0, 2.0]], "states", 0, "init"), "count"),
    Damage("init file of another shape", "E_STATE", put({"file": "prev.npy"}, "states", 0, "init"), "count"),
    Damage("init file that is no npy", "E_STATE", put({"file": "model.onnx"}, "states", 0, "init"), "count"),
    Damage("state twice", "E_STATE", lambda m: m["states"].append(dict(m["states"][0])), "twice"),
    Damage("regular expression", "E_TASK_RULE", put("(", "task", "rules", 0, "match"), "rules[0].match"),
    Damage("endless search", "E_TASK_RULE", put("(?=(a+)+$)a", "task", "rules", 1, "match"), "rules[1].match"),
    Damage("option", "E_TASK_RULE", put(3, "task", "rules", 0, "option"), "rules[0].option"),
    Damage("negative option", "E_TASK_RULE", put(-1, "task", "rules", 0, "option"), "rules[0].option"),
    Damage("parameter", "E_TASK_RULE", put({"x": "action"}, "task", "rules", 0, "params"), "'x'"),
    Damage("default", "E_TASK_RULE", put(9, "task", "default"), "task.default"),
    Damage("providers", "E_PROVIDER", put(["AbacusExecutionProvider"], "runtime", "providers"), "Abacus"),
]


@pytest.mark.parametrize("damage", SCHEMA + OTHERS, ids=str)
def test_one_change_to_the_manifest(tmp_path: Path, damage: Damage) -> None:
    error = refused(write_model(tmp_path, change=damage.change), damage.code)
    assert damage.says in error.message


def test_own_keys_begin_with_x(tmp_path: Path) -> None:
    def change(plain: Plain) -> None:
        plain["x-note"] = plain["audio"]["x-note"] = {"anything": 1}
        plain["x-examples"] = ["Count my squats."]

    assert load_model(write_model(tmp_path, change=change)).tasks.examples() == ["Count my squats."]


@pytest.mark.parametrize("key", ["description", "states", "diagnostics", "say_policy", "frames", "hears_instructions"])
def test_what_may_be_left_out_is_no_schema_error(tmp_path: Path, key: str) -> None:
    try:
        load_model(write_model(tmp_path, change=lambda m: m.pop(key, None)))
    except OnnxContractError as error:
        assert error.code == "E_IO_UNKNOWN"  # noqa: PT017 - accepted, or refused later for what the graph has


@pytest.mark.parametrize("key", ["frames", "task.default", "vocabulary.wav", "say_policy.min_margin"])
def test_null_means_left_out(tmp_path: Path, key: str) -> None:
    def change(plain: Plain) -> None:
        plain["task"]["default"] = None
        plain["vocabulary"][2]["wav"] = None
        plain["say_policy"]["min_margin"] = None

    assert load_model(write_model(tmp_path, change=change)).manifest.min_margin is None


def test_a_group_that_the_expression_lacks(tmp_path: Path) -> None:
    def change(plain: Plain) -> None:
        plain["task"]["params"] = ["period_s"]
        plain["task"]["rules"][1]["params"] = {"period_s": "minutes"}

    assert "minutes" in refused(write_model(tmp_path, change=change), "E_TASK_RULE").message


def test_a_link_that_leaves_the_folder(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (tmp_path / "outside.onnx").write_bytes((folder / "model.onnx").read_bytes())
    (folder / "model.onnx").unlink()
    os.symlink("../outside.onnx", folder / "model.onnx")
    assert "link" in refused(folder, "E_PATH").message


def test_a_link_within_the_folder_is_fine(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    (folder / "model.onnx").rename(folder / "real.onnx")
    os.symlink("real.onnx", folder / "model.onnx")
    load_model(folder)


# ---------------------------------------------------------------- one change to a wav or a state file


@pytest.mark.parametrize(
    ("form", "says"), [({"rate": 16_000}, "16000 Hz"), ({"channels": 2}, "2 channels")], ids=["rate", "stereo"]
)
def test_a_wav_of_another_form(tmp_path: Path, form: dict[str, int], says: str) -> None:
    folder = write_model(tmp_path, before=lambda f: write_wav(f / "phrases" / "one.wav", **form))
    assert says in refused(folder, "E_VOCAB").message


def test_a_wav_that_is_none(tmp_path: Path) -> None:
    refused(write_model(tmp_path, before=lambda f: (f / "phrases" / "one.wav").write_bytes(b"x")), "E_VOCAB")


def test_a_state_file_of_another_type(tmp_path: Path) -> None:
    folder = write_model(tmp_path, before=lambda f: np.save(f / "prev.npy", np.zeros((1, 1, 24, 32, 3))))
    assert "float64" in refused(folder, "E_STATE").message


def test_a_state_file_with_pickled_objects_is_not_opened(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    refused(write_model(tmp_path, before=lambda f: np.save(f / "prev.npy", objects, allow_pickle=True)), "E_STATE")


# ---------------------------------------------------------------- one change to the graph


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
