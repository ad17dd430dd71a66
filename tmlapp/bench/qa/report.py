"""The report of a checklist: one page, complete in itself, with sound and picture, and JUnit XML for a CI server."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

import tmlapp
from tmlapp.bench.data import is_file
from tmlapp.bench.grading import sha256_of
from tmlapp.bench.qa.checklist import Checklist
from tmlapp.bench.qa.checks import CHECKS, FORMULA
from tmlapp.bench.qa.junit import write_junit
from tmlapp.bench.qa.media import Stretches, still_name
from tmlapp.bench.qa.offline import QaSession, RunView, open_qa, result_of
from tmlapp.bench.qa.outcome import s_text
from tmlapp.bench.qa.places import folder_of
from tmlapp.bench.qa.view import StepView, TryView, counts
from tmlapp.bench.report.gather import data_address
from tmlapp.bench.report.write import day_text, plain_value, write_page
from tmlapp.recording.export.pace import Pace

PAGE, JUNIT = "report.html", "report.xml"
EMBEDDED_BYTES = 60_000_000
"""What is laid into the page stops here; the rest lies beside it and is named by its path."""

_LARGEST_PICTURE = 20_000_000


@dataclass(frozen=True, slots=True)
class QaReport:
    """Where the parts of a report lie."""

    page: Path
    junit: Path
    media: tuple[Path, ...]
    failed: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, sound or film as the page names it: an address, and what it is; `note` says why there is none."""

    address: str = ""
    kind: str = ""
    label: str = ""
    t_s: float = 0.0
    note: str = ""


def write_qa_report(
    recording: Path,
    *,
    checklist: Checklist | None = None,
    out: Path | None = None,
    media: bool = True,
    now: datetime | None = None,
    pace: Pace | None = None,
) -> QaReport:
    """Write page, JUnit XML and media about the checklists that were run in `recording`.

    Args:
        recording: a finished one.
        checklist: by which to evaluate, in place of the one that was run.
        out: folder; `<name>.qa` beside the recording if left out. Reports in it are replaced.
        media: cut sound and picture of every try (films with the extra `media`, else sound and still pictures).
        pace: is told how far it is, and can stop it.

    Raises:
        AppError: as `open_qa`, or the folder cannot be written.
    """
    session = open_qa(recording, checklist)
    folder = out or folder_of(recording)
    stretches = Stretches(session.recording, folder, pace or Pace()) if media else None
    page = folder / PAGE
    write_page(_Page(session, folder, stretches, now or datetime.now(UTC)).text(), page)
    junit = write_junit(session, folder / JUNIT)
    return QaReport(page, junit, tuple(stretches.written) if stretches else (), any(r.failed for r in session.runs))


class _Page:
    def __init__(self, session: QaSession, folder: Path, stretches: Stretches | None, now: datetime) -> None:
        self._session, self._folder, self._stretches, self._now = session, folder, stretches, now
        self._room = EMBEDDED_BYTES

    def text(self) -> str:
        environment = Environment(
            loader=PackageLoader("tmlapp.bench", "."),
            # What a tester writes and a model says is text, whatever it looks like.
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {"plain": plain_value, "day": day_text, "seconds": s_text}
        script = files("tmlapp.bench.qa").joinpath("report.js").read_text("utf-8")
        recording = self._session.recording
        total = max(1, sum(len(s.tries) for r in self._session.runs for s in r.steps))
        return environment.get_template("qa/report.html.j2").render(
            session=self._session,
            info=recording.info,
            granted=recording.granted,
            sha256=sha256_of(recording.path),
            name=recording.path.name,
            made=self._now.isoformat(timespec="seconds"),
            version=tmlapp.__version__,
            runs=self._session.runs,
            counts=counts,
            result_of=result_of,
            words=_WORDS,
            sign=_SIGNS,
            media=lambda step, tried: self._media(step, tried, total),
            shots=self._shots,
            rules=self._rules,
            formula=FORMULA,
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        )

    def _rules(self, run: RunView) -> list[tuple[str, str]]:
        used = {check.name for step in run.checklist.steps for check in step.checks}
        return [(name, kind.rule) for name, kind in CHECKS.items() if name in used]

    def _media(self, step: StepView, tried: TryView, total: int) -> list[Shown]:
        if self._stretches is None:
            return []
        found = self._stretches.of(step.step.id, tried, total)
        shown = [self._placed(p, "") for p in found.files]
        for still in found.stills:
            jpeg = still.jpeg
            if len(jpeg) > self._room:
                self._stretches.keep(still_name(step.step.id, tried, still), jpeg)
                continue
            self._room -= len(jpeg)
            shown.append(Shown(data_address("image/jpeg", jpeg), "still", t_s=(still.t_ns - found.start_ns) / 1e9))
        return [*shown, *([Shown(note=found.note)] if found.note else [])]

    def _shots(self, tried: TryView) -> Iterator[Shown]:
        for shot in tried.tried.shots:
            path = self._folder_of_shots / Path(shot.text).name
            when = "" if shot.t_ns is None else f" at {s_text(shot.t_ns)}"
            # A link would lay a file of this machine into a page that is handed on.
            if not is_file(path) or path.is_symlink():
                yield Shown(note=f"The screenshot {shot.text} is not there any more.")
            elif path.stat().st_size > _LARGEST_PICTURE:
                yield Shown(note=f"The screenshot {shot.text} is too large for this page.")
            else:
                yield self._placed(path, f"Screenshot{when}")

    @property
    def _folder_of_shots(self) -> Path:
        return folder_of(self._session.recording.path)

    def _placed(self, path: Path, label: str) -> Shown:
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        size = path.stat().st_size
        if size <= self._room:
            self._room -= size
            return Shown(data_address(kind, path.read_bytes()), kind.partition("/")[0], label)
        try:
            named = path.resolve().relative_to(self._folder.resolve()).as_posix()
        except ValueError:
            return Shown(
                note=f"{path.name} lies in {path.parent}: the page holds {EMBEDDED_BYTES // 10**6} MB already."
            )
        return Shown(named, kind.partition("/")[0], label)


_WORDS = {
    "pass": "passed", "fail": "failed", "blocked": "blocked", "skipped": "skipped", "not_applicable": "does not apply",
    "undecided": "not decided", "pending": "not done", "ended": "not judged", "running": "not judged",
    "waiting": "not decided",
}  # fmt: skip
_SIGNS = {"pass": "✓", "fail": "✕", "blocked": "⊘", "skipped": "↷", "not_applicable": "–"}
