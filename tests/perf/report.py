"""The report of a run of 2,000 items: how large it is, and how long a real browser takes until it is drawn."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from tests.perf.figure import Effort, Figure, at_most, unmeasured
from tests.perf.grading import repcount
from tmlapp.bench.registry import suite_named
from tmlapp.bench.report.run_page import write_run_report
from tmlapp.bench.report.tables import RunView
from tmlapp.bench.suite import Sources

ITEMS = 2000
OPEN_S = 2.0
SIZE_MB = 20.0


def report(effort: Effort) -> Iterable[Figure]:
    """Size without sound, and time from the start of the browser to the picture, less that of a blank page."""
    entries = repcount(ITEMS, 1)
    suite = suite_named("repcount-a")
    grade = suite.grade(entries, profile=suite.profiles[0], params={}, sources=Sources())
    view = RunView(name="onnx:tiny", grade=grade, answers={e.item: e.answers for e in entries})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = write_run_report([view], folder / "report.html")
        blank = folder / "blank.html"
        blank.write_text("<!doctype html><title>blank</title>", encoding="utf-8")
        yield at_most(
            "report.size", page.stat().st_size / 1e6, SIZE_MB, "MB", ITEMS,
            what="the same items as bare JSON, MB", mb=round(len(str(grade.to_json())) / 1e6, 3),
        )  # fmt: skip
        browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if browser is None:
            yield unmeasured("report.open", "s", f"<= {OPEN_S:g}", "no Chromium or Chrome here")
            return
        rounds = round(effort.seconds(7, 3))
        _drawn_s(browser, blank, folder)
        bare, whole = [], []
        for _ in range(rounds):
            bare.append(_drawn_s(browser, blank, folder))
            whole.append(_drawn_s(browser, page, folder))
        yield at_most(
            "report.open", median(whole) - median(bare), OPEN_S, "s", rounds,
            what="start of the browser and a blank page, s", s=round(median(bare), 3), whole_s=round(median(whole), 3),
        )  # fmt: skip


def _drawn_s(browser: str, page: Path, folder: Path) -> float:
    begun = time.monotonic()
    subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
         "--window-size=1200,1000", f"--screenshot={folder / 'shot.png'}", page.as_uri()],
        check=True, capture_output=True,
    )  # fmt: skip
    return time.monotonic() - begun
