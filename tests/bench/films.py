"""Small films for tests that show something to a model."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def write_film(path: Path, seconds: float = 2.0, fps: float = 10.0) -> Path:
    """A bright bar that goes up and down once a second on grey; 64 x 48."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    for i in range(round(seconds * fps)):
        picture = np.full((48, 64, 3), 90, np.uint8)
        top = round(20 + 14 * np.sin(2 * np.pi * i / fps))
        picture[top : top + 8, 20:44] = 220
        writer.write(picture)
    writer.release()
    return path


def write_manifest(path: Path, *rows: dict[str, Any], columns: tuple[str, ...] = ()) -> Path:
    """A manifest.csv of `rows`, each filled up to a negative."""
    named = columns or ("file", "action", "n_reps", "rep_end_times_s", "start_s", "stop_s", "certainty")
    usual = {"n_reps": 0, "rep_end_times_s": "", "start_s": "", "stop_s": "", "certainty": "sure", "action": "squat"}
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, named, extrasaction="ignore")
        table.writeheader()
        table.writerows([usual | row for row in rows])
    return path
