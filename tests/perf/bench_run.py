"""A benchmark run with the embedded model on video files, through the command line; and one worker against two."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import cv2

from tests.perf.figure import Effort, Figure, at_least, percentile, unmeasured
from tests.perf.model import clip

JOBS = 2
REACH, RAY_REACH = 15.0, 1.7
_REAL = Path(__file__).parents[3] / "shared" / "data" / "clips" / "RepCountA_test2315.mp4"


def bench_run(effort: Effort) -> Iterable[Figure]:
    """`tmlapp bench run --jobs 2`: seconds of video per second, start of the program and of its workers included."""
    copies, rounds = round(effort.seconds(10, 5)), round(effort.seconds(3, 1))
    rates: list[float] = []
    bare: list[float] = []
    spent = 0.0
    with tempfile.TemporaryDirectory() as name:
        films = _repcount(Path(name) / "data", copies)
        media_s = sum(_length_s(film) for film in films)
        for n in range(rounds):
            before = _children_s()
            rates.append(media_s / _timed([_command(Path(name), n)]))
            spent += _children_s() - before
            halves = [films[k::JOBS] for k in range(JOBS)]
            bare.append(
                media_s / _timed([[sys.executable, "-m", "tests.perf.bench_bare", *map(str, h)] for h in halves])
            )
    yield at_least(
        "bench_run.video_s_per_s",
        percentile(rates, 50),
        REACH,
        "x real time",
        rounds,
        what=f"{JOBS} processes that only decode, scale and step the same model on the same files",
        x_real_time=round(percentile(bare, 50), 1),
        ratio=round(percentile(rates, 50) / percentile(bare, 50), 3),
        items=len(films),
        video_s=round(media_s, 1),
        cpu_s_per_video_s=round(spent / media_s / rounds, 4),
    )


def ray_workers(effort: Effort) -> Iterable[Figure]:
    """The same items over a local Ray cluster of one and of two workers that have one core each."""
    try:
        import ray  # noqa: F401 - only whether it is there
    except ImportError:
        yield unmeasured("ray.two_over_one", "x", f">= {RAY_REACH:g}", "Ray is not installed (extra ray)")
        return
    items = 2 * round(effort.seconds(6, 3))
    rates: dict[int, float] = {}
    bare: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for workers in (1, 2):
            rates[workers] = _ray(Path(name) / f"run {workers}", workers, items)
            bare[workers] = workers / _timed([_pinned(core) for core in sorted(os.sched_getaffinity(0))[:workers]])
    yield at_least(
        "ray.two_over_one",
        rates[2] / rates[1],
        RAY_REACH,
        "x",
        items,
        what="two processes over one that only decode, scale and step the same model, on one core each",
        two_over_one=round(bare[2] / bare[1], 3),
        video_s_per_s_one=round(rates[1], 2),
        video_s_per_s_two=round(rates[2], 2),
        excluded="start of the cluster, and one item per worker to warm up",
    )


def _repcount(folder: Path, copies: int) -> list[Path]:
    """A folder as RepCount-A's, of the bundled clip and, where it is there, of a real one."""
    films = []
    (folder / "videos").mkdir(parents=True)
    for n in range(copies):
        for source in (clip(), _REAL):
            if source.is_file():
                films.append(Path(shutil.copy(source, folder / "videos" / f"{source.stem}{n}.mp4")))
    rows = [f"squat,{film.name},1,0,60" for film in films]
    (folder / "test.csv").write_text("\n".join(["type,name,count,L1,L2", *rows]) + "\n", encoding="utf-8")
    return films


def _length_s(film: Path) -> float:
    capture = cv2.VideoCapture(str(film))
    length_s = capture.get(cv2.CAP_PROP_FRAME_COUNT) / capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return length_s


def _command(folder: Path, n: int) -> list[str]:
    command = [sys.executable, "-m", "tmlapp", "bench", "run", "--suite", "repcount-a", "--endpoint", "onnx:tiny"]
    return [*command, "--data", f"{folder / 'data'}", "--out", f"{folder / f'run {n}'}", "--jobs", f"{JOBS}", "--json"]


def _timed(commands: list[list[str]]) -> float:
    """Seconds until all of them, side by side, have ended well."""
    begin = time.perf_counter()
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for c in commands]
    codes = [process.wait() for process in running]
    seconds = time.perf_counter() - begin
    if any(codes):
        raise RuntimeError(f"{commands[0][:6]} ended with {codes}")
    return seconds


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _pinned(core: int) -> list[str]:
    return [sys.executable, "-m", "tests.perf.bench_bare", "--core", f"{core}", *[str(clip())] * 3]


def _ray(run: Path, workers: int, items: int) -> float:
    command = [sys.executable, "-m", "tests.bench.ray_run", str(run), "--video", str(clip()), "--one-core-each"]
    command += ["--items", f"{items}", "--nodes", f"{workers}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["states"] != {"done": items}:
        raise RuntimeError(f"items failed: {found['reasons']}")
    return items * _length_s(clip()) / float(found["seconds"])
