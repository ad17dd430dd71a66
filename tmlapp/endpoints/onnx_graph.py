"""What an ONNX file itself must be: valid, standard, and with the inputs and outputs of contract section 2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_files import check_inside
from tmlapp.endpoints.onnx_manifest import Manifest

NUMPY_TYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(bool)": "bool",
    "tensor(int8)": "int8", "tensor(int16)": "int16", "tensor(int32)": "int32", "tensor(int64)": "int64",
    "tensor(uint8)": "uint8", "tensor(uint16)": "uint16", "tensor(uint32)": "uint32", "tensor(uint64)": "uint64",
}  # fmt: skip
_STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the graph; `dtype` is numpy's name, or onnxruntime's where numpy has none."""

    dtype: str
    shape: tuple[Any, ...]

    def zeros(self) -> npt.NDArray[Any]:
        return np.zeros(self.shape, dtype=self.dtype)


def ports(args: Iterable[Any]) -> dict[str, Port]:
    """Inputs or outputs of an onnxruntime session by name."""
    return {arg.name: Port(NUMPY_TYPES.get(arg.type, arg.type), tuple(arg.shape)) for arg in args}


def check_proto(manifest: Manifest, listed: set[str]) -> None:
    """Raises E_ONNX_INVALID, or E_PATH and E_FILE_UNLISTED for external data of the graph."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    path = manifest.folder / manifest.model

    def wrong(why: str) -> OnnxContractError:
        return OnnxContractError("E_ONNX_INVALID", f"{manifest.model}: {why}", path)

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise wrong(f"is no ONNX file: {error}.") from error
    inside = Path(manifest.model).parent
    for location in _external(model):
        name = (inside / location).as_posix()
        check_inside(manifest, name)
        if name not in listed:
            raise OnnxContractError(
                "E_FILE_UNLISTED", f"manifest.json: files lacks {name}, external data of {manifest.model}.", path
            )
    own = {(f.domain, f.name) for f in model.functions}
    for node in _nodes(model):
        if node.domain not in _STANDARD and (node.domain, node.op_type) not in own:
            raise wrong(f"uses the custom operator {node.domain}.{node.op_type}.")
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        raise wrong(f"the ONNX checker says: {' '.join(str(error).split())}") from error


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _graphs(inner)


def _nodes(model: Any) -> Iterator[Any]:
    for graph in _graphs(model.graph):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _external(model: Any) -> Iterator[str]:
    for graph in _graphs(model.graph):
        tensors = [*graph.initializer]
        for node in graph.node:
            for attribute in node.attribute:
                tensors += [*attribute.tensors, *([attribute.t] if attribute.HasField("t") else [])]
        for tensor in tensors:
            for entry in tensor.external_data:
                if entry.key == "location":
                    yield entry.value


def check_ports(manifest: Manifest, inputs: dict[str, Port], outputs: dict[str, Port]) -> None:
    """Names first, then types, then shapes. Raises E_IO_MISSING, E_IO_UNKNOWN, E_IO_DTYPE or E_IO_SHAPE."""
    path = manifest.folder / manifest.model
    known_in, known_out = _expected_inputs(manifest), _expected_outputs(manifest)

    def wrong(code: str, why: str) -> OnnxContractError:
        return OnnxContractError(code, f"{manifest.model}: {why}.", path)

    optional = {"task_params", "speech"}
    for side, expected, found in (("input", known_in, inputs), ("output", known_out, outputs)):
        for name in expected:
            # One half of a state without the other is E_STATE, later.
            other = {"state.": "next.", "next.": "state."}
            twin = next((b + name.removeprefix(a) for a, b in other.items() if name.startswith(a)), "")
            if name not in found and name not in optional and twin not in {**inputs, **outputs}:
                raise wrong("E_IO_MISSING", f"the {side} {name} is missing")
        for name in found:
            if name not in expected:
                raise wrong("E_IO_UNKNOWN", f"the {side} {name} is neither in the contract nor in the manifest")
    pairs = [(k, known_in[k], p) for k, p in inputs.items()] + [(k, known_out[k], p) for k, p in outputs.items()]
    for name, (dtype, _), port in pairs:
        if port.dtype not in NUMPY_TYPES.values() or (dtype and port.dtype != dtype):
            raise wrong("E_IO_DTYPE", f"{name} is {port.dtype}, the contract says {dtype or 'a numeric type'}")
    for name, (_, shape), port in pairs:
        if not all(isinstance(d, int) for d in port.shape):
            raise wrong("E_IO_SHAPE", f"{name} has the shape {list(port.shape)}; every dimension must be a number")
        if shape is not None and not _fits(port.shape, shape):
            raise wrong("E_IO_SHAPE", f"{name} has the shape {list(port.shape)}, the contract says {list(shape)}")


def _fits(found: tuple[int, ...], asked: tuple[int | str, ...]) -> bool:
    return len(found) == len(asked) and all(isinstance(a, str) or a == f for f, a in zip(found, asked, strict=True))


Expected = dict[str, tuple[str, tuple[int | str, ...] | None]]


def _expected_inputs(manifest: Manifest) -> Expected:
    """Type and shape by name; a letter stands for a size that E_RATE or E_VOCAB looks at."""
    task = manifest.task
    expected: Expected = {}
    if manifest.audio == "pcm":
        expected["audio"] = ("float32", (1, 3200))
    elif manifest.audio == "dmel":
        expected["dmel"] = ("int32", (1, 4, 80))
    if manifest.frames is not None and manifest.frames.kind == "rgb_u8":
        expected["frames"] = ("uint8", (1, "F", "H", "W", 3))
    elif manifest.frames is not None:
        expected["patches"] = ("float32", (1, "N", "T", 40, 40, 3))
    if task.kind == "enum":
        expected["task"] = ("int64", (1,))
        expected["task_params"] = ("float32", (1, len(task.params)))
    elif task.kind == "utf8":
        expected["task"] = ("int32", (1, task.length))
    for state in manifest.states:
        expected[f"state.{state.name}"] = ("", None)
    return expected


def _expected_outputs(manifest: Manifest) -> Expected:
    expected: Expected = {"say": ("float32", (1, "V")), "speech": ("float32", (1, 4800))}
    for state in manifest.states:
        expected[f"next.{state.name}"] = ("", None)
    for name, size in manifest.diagnostics.items():
        expected[f"diag.{name}"] = ("float32", (1, size))
    return expected
