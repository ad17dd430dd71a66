"""How soon the library is there, finds something, is rebuilt, and how smoothly it scrolls."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.perf.figure import Effort, Figure, at_most, percentile

_WORDS = ("squats", "breathing", "mariposa", "fenêtre", "counting", "lunges", "深蹲", "plank")


def catalogue(effort: Effort) -> Iterable[Figure]:
    """Rebuild over real small recordings; start, search and scroll over 10,000 rows; reading one of an hour."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        root = folder / "recordings"
        n = round(effort.seconds(1000, 200))
        _write_recordings(root, n)
        yield _rebuild(folder / "cache", root, n)
        _fill(folder / "cache", 10_000)
        yield _start(folder / "cache")
        yield from _search(folder / "cache")
        yield _scroll(folder / "cache", root)
        yield _hour(folder, round(effort.seconds(3600, 600)))


def _write_recordings(root: Path, n: int) -> None:
    """`n` recordings: some by the Recorder itself, the others repackaged under a session of their own."""
    from tests.bench.catalogue_parts import make_recording
    from tmlapp.recording.finalize import write_finished
    from tmlapp.recording.log_writer import dump_json
    from tmlapp.recording.scan import opened, payloads, scan

    models = [
        make_recording(root, f"{word} 0", said=(word, "one", "two"), turns=25, typed=f"{word} please")
        for word in _WORDS
    ]
    for i in range(len(models), n):
        model = models[i % len(models)]
        with opened(model) as source:
            found = scan(source)
            messages = [m for _, m in payloads(source, found, iter(range(len(found))))]
        for at, message in enumerate(messages):
            if message.topic.name == "/setup":
                setup = json.loads(message.data) | {"session_id": f"session {i}", "name": f"session {i}"}
                messages[at] = replace(message, data=dump_json(setup))
        place = root / f"{i // 100:03d}"
        place.mkdir(exist_ok=True)
        write_finished(place / f"{_WORDS[i % len(_WORDS)]} {i}.mcap", messages, [])


def _rebuild(cache: Path, root: Path, n: int) -> Figure:
    from tmlapp.bench.catalogue.refresh import refresh, usual_workers
    from tmlapp.bench.catalogue.store import Catalogue

    with Catalogue.open(cache) as shelf:
        begin = time.monotonic()
        found = refresh(shelf, [root])
        took = time.monotonic() - begin
        begin = time.monotonic()
        refresh(shelf, [root])
        again = time.monotonic() - begin
    assert found.files == found.read == n
    begin = time.monotonic()
    size = sum(len(p.read_bytes()) for p in root.rglob("*.mcap"))
    return at_most(
        "catalogue.rebuild_1000",
        took * 1000 / n,
        30,
        "s",
        n,
        what="reading every byte of the same files, once",
        s=round((time.monotonic() - begin) * 1000 / n, 3),
        mb=round(size / 1e6, 1),
        look_again_s=round(again, 3),
        workers=usual_workers(),
    )


def _fill(cache: Path, n: int) -> None:
    """More rows, each of a file and a session of its own, until there are `n`."""
    from tmlapp.bench.catalogue.store import Catalogue

    with Catalogue.open(cache) as shelf:
        rows = shelf.rows(shelf.search())
        entries = []
        for i in range(n - len(rows)):
            model = rows[i % len(rows)]
            entries.append(
                replace(
                    model, id=0, path=model.path.with_name(f"{model.name} copy {i}.mcap"),
                    identity=f"{model.identity} {i}", session=f"s{i}", name=f"{model.name} copy {i}",
                    created_s=model.created_s - i * 60, said=f"{model.said}\nword{i % 997} " + "and so on " * 40,
                    tags=(f"tag{i % 50}",), verdict=("pass", "fail", "")[i % 3],
                )
            )  # fmt: skip
        shelf.put(entries)
        assert len(shelf.search()) == n


_STARTED = """
import sys, time
from pathlib import Path
begin = time.monotonic()
from tmlapp.bench.catalogue.store import Catalogue
with Catalogue.open(Path(sys.argv[1])) as shelf:
    ids = shelf.search()
    rows = shelf.rows(ids[:64])
    assert len(rows) == 64
    print(time.monotonic() - begin, len(ids))
"""


def _start(cache: Path) -> Figure:
    """In a process of its own, imports included: opened, checked, searched, first page fetched."""
    runs = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", _STARTED, cache], capture_output=True, text=True, check=True)
        took, rows = done.stdout.split()
        runs.append(float(took))
    size = (cache / "catalogue-2.db").stat().st_size
    reference = _time(lambda: _bare_start(cache))
    return at_most(
        "catalogue.start_10000",
        percentile(runs, 50),
        1.0,
        "s",
        len(runs),
        what="bare sqlite3: the same rows, all columns, one query",
        s=round(reference, 3),
        rows=int(rows),
        mb=round(size / 1e6, 1),
    )


def _bare_start(cache: Path) -> None:
    db = sqlite3.connect(cache / "catalogue-2.db")
    db.execute("SELECT * FROM entry ORDER BY created_s DESC").fetchall()
    db.close()


def _time(do: object) -> float:
    begin = time.monotonic()
    do()  # type: ignore[operator]
    return time.monotonic() - begin


def _search(cache: Path) -> Iterable[Figure]:
    from tmlapp.bench.catalogue.store import Catalogue

    asked = (
        "", "squats", "word9", '"one two"', "深蹲", "endpoint:onnx tag:tag7", "verdict:fail date:2026-11",
        "suite:timespeak -tag:tag1", "is:unfinished", "word12 verdict:pass in:copy", "so",
    )  # fmt: skip
    with Catalogue.open(cache) as shelf:
        medians = {}
        for text in asked:
            took = []
            for _ in range(7):
                begin = time.monotonic()
                shelf.rows(shelf.search(text, sort="name", ascending=True)[:64])
                took.append((time.monotonic() - begin) * 1000)
            medians[text] = percentile(took, 50)
        scanned = _time(lambda: [r for r in _all_words(cache) if "word9" in r]) * 1000
    yield at_most(
        "catalogue.search_10000_slowest",
        max(medians.values()),
        100,
        "ms",
        len(asked),
        search=max(medians, key=lambda text: medians[text]),
        p50=round(percentile(list(medians.values()), 50), 2),
        what="looking through the words of every row in Python",
        ms=round(scanned, 1),
    )


def _all_words(cache: Path) -> list[str]:
    db = sqlite3.connect(cache / "catalogue-2.db")
    rows = [r[0] for r in db.execute("SELECT folded FROM plain")]
    db.close()
    return rows


def _scroll(cache: Path, root: Path) -> Figure:
    """From one step of the wheel to the end of the paint, over all rows, with thumbnails being made meanwhile."""
    code = f"from tests.perf.catalogue import scrolled; scrolled({str(cache)!r}, {str(root)!r})"
    environment = dict(os.environ) | {"TMLAPP_CACHE_DIR": str(cache)}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    steps = [line.split() for line in done.stdout.splitlines()]
    wheel = [float(ms) for kind, ms, _ in steps if kind == "wheel"]
    jumps = [float(ms) for kind, ms, _ in steps if kind == "jump"]
    cpu = [float(ms) for kind, _, ms in steps if kind == "wheel"]
    # Whatever else the machine does at times shows in one round and not in all.
    third = len(wheel) // 3
    rounds = [percentile(wheel[i * third : (i + 1) * third], 95) for i in range(3)]
    return at_most(
        "catalogue.scroll_10000_p95",
        min(rounds),
        16,
        "ms",
        len(wheel),
        rounds=[round(p95, 2) for p95 in rounds],
        p50=round(percentile(wheel, 50), 2),
        cpu_p95=round(percentile(cpu, 95), 2),
        jump_far_p50=round(percentile(jumps, 50), 2),
        jump_far_p95=round(percentile(jumps, 95), 2),
        what="1920x1080, drawn by the CPU, thumbnails arriving meanwhile",
    )


def scrolled(cache: str, root: str) -> None:
    """The life of the process that scrolls: prints the milliseconds of each step."""
    import qasync
    from PySide6.QtCore import QCoreApplication, QEvent

    from tmlapp.config.settings import Settings
    from tmlapp.ui.app import drained, make_app
    from tmlapp.ui.window import MainWindow

    app = make_app(["perf"])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    window = MainWindow(Settings(theme="dark", recordings_dir=Path(root)), loop)
    window.resize(1920, 1080)
    window.show()

    async def go() -> None:
        window.go_to("library")
        page = window.workspaces.page("library")
        table, model = page.table, page.model  # type: ignore[attr-defined]
        # The rows whose files were never written would be missed by a look at the files.
        page.rescan = lambda: None  # type: ignore[attr-defined]
        while model.rowCount() < 10_000:
            await asyncio.sleep(0.01)
        bar = table.verticalScrollBar()
        for i in range(600):
            begin, cpu = time.monotonic(), time.thread_time()
            # Slowly, as with a wheel, and every now and then far away, as with the bar.
            bar.setValue(bar.value() + 144 if i % 20 else bar.maximum() * (i * 7 % 600) // 600)
            # Paints what the step has brought into sight, as the window system's next frame does.
            QCoreApplication.sendPostedEvents(None, QEvent.Type.UpdateRequest)
            took, worked = time.monotonic() - begin, time.thread_time() - cpu
            print("wheel" if i % 20 else "jump", took * 1000, worked * 1000)
            # As much as a screen of 60 Hz leaves for everything else: thumbnails arrive meanwhile.
            await asyncio.sleep(0.004)
        window.close()

    loop.run_until_complete(go())
    loop.run_until_complete(drained(loop))


def _hour(folder: Path, seconds: int) -> Figure:
    """Reading one long recording for the catalogue, against reading all of its bytes."""
    from tests.bench.catalogue_parts import make_recording
    from tmlapp.bench.catalogue.entry import Candidate
    from tmlapp.bench.catalogue.probe_sets import probe

    path = make_recording(folder / "long", "hour", turns=seconds * 5, shades=(90,))
    status = path.stat()
    candidate = Candidate(
        path=path, root=path.parent, kind="recording", size=status.st_size, mtime_ns=status.st_mtime_ns, stamp=""
    )
    took = _time(lambda: probe(candidate))
    return at_most("catalogue.read_1h", took * 3600 / seconds, 2.0, "s", 1, mb=round(status.st_size / 1e6, 1))
