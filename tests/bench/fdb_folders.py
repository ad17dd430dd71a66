"""Full-Duplex-Bench folders with sounds of zeros, and a checkout with texts of ours, for tests."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer, Word

PAUSE, SYNTHETIC_PAUSE = "candor_pause_handling", "synthetic_pause_handling"
LISTEN, TURNS, INTERRUPTED = "icc_backchannel", "candor_turn_taking", "synthetic_user_interruption"
TASKS = {
    PAUSE: "pause_handling", SYNTHETIC_PAUSE: "pause_handling", LISTEN: "backchannel", TURNS: "smooth_turn_taking",
    INTERRUPTED: "user_interruption",
}  # fmt: skip
ANNOTATIONS: dict[str, tuple[str, Any]] = {
    PAUSE: ("pause.json", [{"text": "[PAUSE]", "timestamp": [1.0, 1.5]}]),
    SYNTHETIC_PAUSE: ("pause.json", []),
    TURNS: ("turn_taking.json", [{"text": "[TURN-TAKING]", "timestamp": [2.0, 2.4]}]),
    INTERRUPTED: ("interrupt.json", [{"context": "A?", "interrupt": "B?", "timestamp": [3.0, 4.0]}]),
}
PROMPT = '''
def rate(context):
    system_msg = """Rate it for $5."""
    user_msg = f"""c={in_before_interrupt_text} i={in_interrupt_text} r={out_after_interrupt_text}"""
    other = 1
'''


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_wav(path: Path, seconds: float = 6.0, rate: int = 16_000, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(2 * channels * round(seconds * rate)))
    return path


def v1_sample(folder: Path, subset: str, name: str = "1", *, seconds: float = 6.0, rate: int = 16_000) -> Path:
    """`folder/<subset>/<name>/` as published."""
    sample = folder / subset / name
    write_wav(sample / "input.wav", seconds, rate)
    if subset in ANNOTATIONS:
        write_json(sample / ANNOTATIONS[subset][0], ANNOTATIONS[subset][1])
    return sample


def v15_sample(folder: Path, scenario: str, name: str = "1") -> Path:
    """`folder/<scenario>/<name>/` as published."""
    sample = folder / scenario / name
    write_wav(sample / "input.wav", 10.0, 48_000)
    write_wav(sample / "clean_input.wav", 8.0)
    write_json(
        sample / "metadata.json", {"context_text": "A?", "current_turn_text": "mhm", "timestamps": [5.0, 6.0]}
    )  # fmt: skip
    return sample


def checkout(folder: Path) -> Path:
    """A checkout with texts and reference distributions of ours."""
    evaluation = folder / "v1_v1.5" / "evaluation"
    write_json(evaluation / "icc_gt_distribution.json", {"1": [0.5, 0.5, 0.0], "2": [1.0]})
    (evaluation / "eval_user_interruption.py").write_text(PROMPT, encoding="utf-8")
    (evaluation / "instruction").mkdir()
    (evaluation / "instruction" / "behavior.txt").write_text("Label it, $1 each.", encoding="utf-8")
    return folder


def said(*words: tuple[float, float | None, str], **more: Any) -> Answer:
    """An answer of words."""
    return Answer(words=tuple(Word(*w) for w in words), text=" ".join(w[2] for w in words), **more)
