"""Plays a model folder step by step with onnxruntime alone: what the app does, but without clocks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from tmlapp.endpoints.onnx_tasks import normalise


@dataclass(frozen=True)
class Chosen:
    """Task input that an instruction leads to."""

    option: int
    params: NDArray[np.float32]
    groups: dict[str, str]


def choose(manifest: dict[str, Any], instruction: str) -> Chosen | None:
    """First rule that matches; None means the task cannot be represented."""
    task, text = manifest["task"], normalise(instruction, spoken=True)
    for rule in task["rules"]:
        found = re.search(rule["match"], text, re.ASCII)
        if found:
            source = rule.get("params", {})
            values = [float(found[source[name]] or 0) if name in source else 0.0 for name in task["params"]]
            groups = {k: v for k, v in found.groupdict().items() if v}
            return Chosen(rule["option"], np.array([values], np.float32), groups)
    return None


@dataclass
class Turn:
    """What one micro-turn gave."""

    t_ms: int
    phrase: int
    text: str
    diag: dict[str, float] = field(default_factory=dict)


class Player:
    """A loaded model folder and its present state."""

    def __init__(self, folder: Path) -> None:
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        model = str(folder / self.manifest["model"])
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.outputs = [o.name for o in self.session.get_outputs()]
        frames = self.manifest["frames"]
        self.dark = np.zeros((1, frames["count"], frames["height"], frames["width"], 3), np.uint8)
        self.reset()

    def reset(self) -> None:
        """States and task back to the beginning."""
        self.step = 0
        self.states: dict[str, NDArray[Any]] = {
            "state." + s["name"]: np.full(s["shape"], s["init"], s["dtype"]) for s in self.manifest["states"]
        }
        self.set_task(0)
        self.kept = (0, self.params)

    def set_task(self, option: int, params: NDArray[np.float32] | None = None) -> None:
        self.task = np.array([option], np.int64)
        width = len(self.manifest["task"]["params"])
        self.params = np.zeros((1, width), np.float32) if params is None else params

    def instruct(self, instruction: str, elapsed_s: float = 0.0) -> Chosen:
        """Set the task in words that ended so long before the next micro-turn; pause and go on as the app does it."""
        chosen = choose(self.manifest, instruction)
        if chosen is None:
            raise ValueError(f"no rule matches: {instruction}")
        names, params = self.manifest["task"]["params"], chosen.params.copy()
        params[0, names.index("elapsed_s")], params[0, names.index("since_turn")] = elapsed_s, self.step
        options = self.manifest["task"]["options"]
        if options[chosen.option] == "paused":
            self.kept = (int(self.task[0]), self.params)
        if options[chosen.option] == "go_on":
            self.set_task(*self.kept)
        else:
            self.set_task(chosen.option, params)
        return chosen

    def turn(self, frames: NDArray[np.uint8] | None = None) -> Turn:
        """One micro-turn; frames [F,H,W,3], none = no camera."""
        feed = {"frames": self.dark if frames is None else frames[None], "task": self.task, "task_params": self.params}
        out = dict(zip(self.outputs, self.session.run(None, feed | self.states), strict=True))
        self.states = {"state." + n[5:]: v for n, v in out.items() if n.startswith("next.")}
        self.step += 1
        phrase = int(np.argmax(out["say"][0]))
        diag = {n[5:]: float(v[0, 0]) for n, v in out.items() if n.startswith("diag.")}
        return Turn(200 * self.step, phrase, self.manifest["vocabulary"][phrase]["text"], diag)
