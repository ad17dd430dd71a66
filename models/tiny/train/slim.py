"""Makes an exported graph cheaper to run without changing one bit of what it computes.

`python -m models.tiny.train.slim` does it to the model that is shipped, and keeps its manifest true.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper

LEAST = 512
"""Results smaller than this are not worth a wider constant."""

_ELEMENTWISE = ("Add", "Div", "Mul", "Sub")


def slim(path: Path) -> None:
    """Rewrite the graph at `path`: constants folded, narrow constant factors written out to the full shape.

    onnxruntime's element-wise operators take a slow path where a factor has to be stretched; the products are the same.
    """
    model = _folded(path)
    _widen(model)
    used = {name for node in model.graph.node for name in node.input}
    for unused in [i for i in model.graph.initializer if i.name not in used]:
        model.graph.initializer.remove(unused)
    # Folding leaves the names of onnxruntime's own operator sets behind, none of which is used.
    strange = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    if strange:
        raise RuntimeError(f"the graph would need operators of {', '.join(sorted(strange))}")
    kept = [o for o in model.opset_import if o.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _folded(path: Path) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _widen(model: onnx.ModelProto) -> None:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*inferred.value_info, *inferred.output)
    }
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    made: dict[tuple[str, tuple[int, ...]], str] = {}
    for node in model.graph.node:
        shape = shapes.get(node.output[0], ())
        if node.op_type not in _ELEMENTWISE or np.prod(shape, initial=1) < LEAST:
            continue
        for place, name in enumerate(node.input):
            if name in constants and constants[name].size not in (1, int(np.prod(shape))):
                node.input[place] = _wide(model, name, constants[name], shape, made)


def _wide(
    model: onnx.ModelProto,
    name: str,
    values: npt.NDArray[np.generic],
    shape: tuple[int, ...],
    made: dict[tuple[str, tuple[int, ...]], str],
) -> str:
    key = (name, shape)
    if key not in made:
        made[key] = f"{name}_wide{len(made)}"
        whole = np.ascontiguousarray(np.broadcast_to(values, shape))
        model.graph.initializer.append(numpy_helper.from_array(whole, made[key]))
    return made[key]


def main() -> None:
    """Slim the shipped model in place."""
    folder = Path(__file__).parents[1]
    graph, manifest = folder / "model.onnx", folder / "manifest.json"
    before = graph.read_bytes()
    slim(graph)
    after = graph.read_bytes()
    text = manifest.read_text(encoding="utf-8")
    text = text.replace(hashlib.sha256(before).hexdigest(), hashlib.sha256(after).hexdigest())
    text = re.sub(rf'("bytes": ){len(before)}\b', rf"\g<1>{len(after)}", text)
    manifest.write_text(text, encoding="utf-8")
    print(f"{len(before)} bytes before, {len(after)} after")


if __name__ == "__main__":
    main()
