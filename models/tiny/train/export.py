"""Writes model.onnx and manifest.json from trained weights and checks them against the torch module."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import onnx
import torch

from models.tiny.train.config import CHUNK_MS, FRAMES, HEIGHT, MAX_COUNT, WIDTH
from models.tiny.train.grammars import hearing, write_grammars
from models.tiny.train.graph import DIAGNOSTICS, STATES, Step
from models.tiny.train.slim import slim
from models.tiny.train.tasks import (
    ENDS,
    EXAMPLES,
    PARAMS,
    REMINDERS,
    VOCABULARY,
    Task,
    all_rules,
    phrase_file,
    reminder_file,
)

VERSION = "1.0.0"
OPSET = 18
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""In the order of preference; the app asks only for those that load."""


def zero_inputs() -> tuple[torch.Tensor, ...]:
    """Graph inputs of the first step: black frames, task none, initial states."""
    states = [torch.full(shape, init, dtype=dtype) for dtype, shape, init in STATES.values()]
    frames = torch.zeros(1, FRAMES, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    return (frames, torch.zeros(1, dtype=torch.int64), torch.zeros(1, len(PARAMS)), *states)


def export_graph(step: Step, path: Path) -> None:
    """Trace one micro-turn into an ONNX file with fixed shapes."""
    inputs = ["frames", "task", "task_params", *(f"state.{n}" for n in STATES)]
    outputs = ["say", *(f"diag.{n}" for n in DIAGNOSTICS), *(f"next.{n}" for n in STATES)]
    with torch.no_grad():
        torch.onnx.export(
            step.eval(),
            zero_inputs(),
            str(path),
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            dynamo=False,
        )
    slim(path)
    model = onnx.load(str(path))
    model.doc_string = ""
    model.producer_name, model.producer_version = "tmlapp tiny model", VERSION
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def listed(folder: Path, relative: str) -> dict[str, Any]:
    data = (folder / relative).read_bytes()
    return {"path": relative, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def state_entry(name: str) -> dict[str, Any]:
    dtype, shape, init = STATES[name]
    return {"name": name, "dtype": str(dtype).removeprefix("torch."), "shape": list(shape), "init": init}


def write_manifest(folder: Path, *, seed: int, trained_on: str, metrics: dict[str, float], code: str) -> None:
    """Describe the folder as it lies there; every file used is listed with its hash."""
    vocabulary = []
    for text in VOCABULARY:
        wav = phrase_file(text)
        vocabulary.append({"text": text, "wav": wav} if wav else {"text": text})
    recordings = {text: reminder_file(text) for text in REMINDERS}
    phrases = [*(entry["wav"] for entry in vocabulary if "wav" in entry), *recordings.values()]
    files = ["model.onnx", *write_grammars(folder), *phrases]
    manifest = {
        "contract": "tmlapp-interaction-onnx/1",
        "name": "tiny",
        "version": VERSION,
        "licence": "Apache-2.0",
        "description": "Counts repetitions of any movement, says when an action starts and stops, keeps spoken timers.",
        "x-examples": list(EXAMPLES),
        "hears_instructions": True,
        "x-hearing": hearing(),
        "chunk_ms": CHUNK_MS,
        "model": "model.onnx",
        "audio": {"input": "none", "output_rate": 24000},
        "frames": {"input": "rgb_u8", "count": FRAMES, "height": HEIGHT, "width": WIDTH, "fit": "letterbox"},
        "task": {
            "kind": "enum",
            "x-numbers": "spoken",
            "options": [t.name for t in Task],
            "rules": all_rules(),
            "params": list(PARAMS),
            "default": None,
            "x-ends": ENDS,
        },
        "vocabulary": vocabulary,
        "x-recordings": recordings,
        "say_policy": {"min_margin": 0.0, "repeat_ms": 0, "interrupts": True},
        "states": [state_entry(name) for name in STATES],
        "diagnostics": [
            {"name": name, "size": 1, "range": [0, MAX_COUNT + 1 if name == "count" else 1]} for name in DIAGNOSTICS
        ],
        "runtime": {"opset": OPSET, "providers": list(PROVIDERS), "step_budget_ms": 25, "max_lag_chunks": 5},
        "files": [listed(folder, path) for path in files],
        "provenance": {
            "data": [
                {
                    "name": "filmed and abstract synthetic streams, made by the training code",
                    "licence": "Apache-2.0",
                    "split": "train",
                }
            ],
            "code": code,
            "trained_on": trained_on,
            "seed": seed,
            "metrics": metrics,
            "excluded": ["no recorded video was used in training", "benchmark train, validation and test splits: all"],
        },
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
