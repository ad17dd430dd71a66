"""A small RepCount-A folder, tasks for engines, and workers that die on purpose."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from tests.capture.media_made import write_video
from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.drive_item import ItemTask, Outcome, failed
from tmlapp.bench.runs.info import ItemResult
from tmlapp.bench.runs.run import RESULT
from tmlapp.bench.runs.store import write_result
from tmlapp.core.media import Picture

DEMO_TRUTH = "truth-repcount.json"


CLIP_S = 9
FPS = 30


def short_clip(path: Path, demo_clip: Path) -> Path:
    """The first 9 s of the clip that is shipped with the app, with two repetitions, in a quarter of its size."""
    found = cv2.VideoCapture(str(demo_clip / "squats.mp4"))
    pictures: list[Picture] = []
    while len(pictures) < CLIP_S * FPS:
        ok, picture = found.read()
        assert ok
        pictures.append(np.asarray(cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA), np.uint8))
    found.release()
    return write_video(path, pictures, fps=FPS)


def repcount_folder(folder: Path, demo_clip: Path, count: int = 3) -> Path:
    """LLSP/ with `count` videos of the same short clip; the names hold signs that folders do not like."""
    truth = json.loads((demo_clip / DEMO_TRUTH).read_text())
    ends = [end_s for end_s in truth["rep_end_times_s"] if end_s < CLIP_S]
    frames = [round(t * FPS) for a, b in pairwise([0.0, *ends]) for t in (a, b)]
    (folder / "LLSP" / "test").mkdir(parents=True)
    (folder / "LLSP" / "annotation").mkdir()
    clip = short_clip(folder / "clip.mp4", demo_clip)
    with (folder / "LLSP" / "annotation" / "test.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["type", "name", "count", *(f"L{i + 1}" for i in range(len(frames)))])
        for number in range(count):
            name = f"squat={number}%.mp4"
            (folder / "LLSP" / "test" / name).symlink_to(clip)
            out.writerow(["squat", name, len(ends), *frames])
    return folder


def task_of(item_id: str, run: Path) -> ItemTask:
    """A task whose worker does not look at its programme."""
    return ItemTask(
        item=SuiteItem(id=item_id, truth={}, parts=(Part(),)),
        folder=run / "items" / item_id,
        run_folder=run,
        suite="repcount-a",
        data=run,
        endpoint="onnx:tiny",
        instruct="typed",
        clock="fast",
    )


def done(task: ItemTask) -> Outcome:
    """The task is done by this process; who did it, and how often, is written down."""
    task.folder.mkdir(parents=True, exist_ok=True)
    with (task.folder / "begun").open("a") as file:
        file.write(f"{os.getpid()}\n")
    result = ItemResult(id=task.item.id, state="done")
    write_result(task.folder, result)
    return Outcome(result=result, answers={"main": Answer(text=task.item.id)})


class Steady:
    """Does every task."""

    def __call__(self, task: ItemTask) -> Outcome:
        return done(task)


class Mortal:
    """Ends its process by what the item is called: `kill` always, `once` at its first try."""

    def __call__(self, task: ItemTask) -> Outcome:
        outcome = done(task)
        begun = len((task.folder / "begun").read_text().split())
        if task.item.id.startswith("kill") or (task.item.id.startswith("once") and begun == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if task.item.id.startswith("fails"):
            return failed(task, "It does not work.")
        return outcome


class Unkept:
    """Cannot keep what came of an item, as on a full disk."""

    def __call__(self, task: ItemTask) -> Outcome:
        outcome = done(task)
        (task.folder / RESULT).unlink()
        (task.folder / RESULT).mkdir()
        return failed(task, outcome.result.reason)


class Deaf:
    """Answers whether its process was started so that Ctrl-C cannot reach it."""

    def __call__(self, task: ItemTask) -> Outcome:
        blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return replace(done(task), answers={"main": Answer(text=str(blocked))})


class Interrupting:
    """At `ctrl-c` sends its parent a SIGINT, as the terminal does; at `ctrl-c-c` two, and then never ends."""

    def __call__(self, task: ItemTask) -> Outcome:
        outcome = done(task)
        if task.item.id.startswith("ctrl-c"):
            os.kill(os.getppid(), signal.SIGINT)
        if task.item.id == "ctrl-c-c":
            sys.stdin = open(os.devnull)  # noqa: SIM115 - the process is killed
            while True:
                signal.pause()
        return outcome


class Threads:
    """Answers with the number of threads that libraries may use."""

    def __call__(self, task: ItemTask) -> Outcome:
        outcome = done(task)
        return Outcome(result=outcome.result, answers={"main": Answer(text=os.environ["OMP_NUM_THREADS"])})
