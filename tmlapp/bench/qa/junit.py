"""A checklist's result as JUnit XML, in the form that CI servers read: one suite per run, one case per step.

A step's verdict is the person's; without one, what its automatic checks found in the last try. Failed: `failure`.
Blocked: `error`, because nobody knows whether it works. Skipped, not applicable, not decided: `skipped`. Notes, and
what every automatic check found, stand in `system-out`, whatever the verdict.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import tmlapp
from tmlapp.bench.grading import sha256_of
from tmlapp.bench.qa.checks import FORMULA
from tmlapp.bench.qa.offline import QaSession, RunView, result_of
from tmlapp.bench.qa.view import StepView
from tmlapp.bench.runs.lines import write_whole
from tmlapp.core.units import ns_to_s

_REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_RUN = {"skipped": "skipped by the tester", "not_applicable": "does not apply", "undecided": "not decided"}


def write_junit(session: QaSession, path: Path) -> Path:
    """Write the results of `session` to `path`, replacing what was there.

    Raises:
        AppError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, junit_xml(session))
    return path


def junit_xml(session: QaSession) -> bytes:
    """The document in UTF-8."""
    root = ET.Element("testsuites", name="tmlapp checklists")
    sha256 = sha256_of(session.recording.path)
    for number, run in enumerate(session.runs):
        root.append(_suite(session, run, number, sha256))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    root.set("time", f"{sum(float(suite.get('time', '0')) for suite in root):.3f}")
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(session: QaSession, run: RunView, number: int, sha256: str) -> ET.Element:
    cases = [_case(run, step) for step in run.steps]
    recording = session.recording
    suite = ET.Element(
        "testsuite",
        id=str(number),
        name=_plain(run.checklist.title),
        package=f"tmlapp.qa.{run.checklist.id}",
        hostname="localhost",
        timestamp=_timestamp(str(recording.info.get("created_utc", ""))),
        tests=str(len(cases)),
        failures=str(sum(c.find("failure") is not None for c in cases)),
        errors=str(sum(c.find("error") is not None for c in cases)),
        skipped=str(sum(c.find("skipped") is not None for c in cases)),
        time=f"{sum(float(c.get('time', '0')) for c in cases):.3f}",
    )
    properties = ET.SubElement(suite, "properties")
    granted = recording.granted
    for name, value in {
        "recording": recording.path.name,
        "recording.sha256": sha256,
        "session": str(recording.info.get("session_id", "")),
        "endpoint": str(recording.info.get("endpoint", "")),
        "endpoint.name": granted.name if granted else "",
        "instruction": str(recording.info.get("instruction", "")),
        "checklist": run.checklist.id,
        "checklist.sha256": run.checklist.sha256,
        "checklist.sha256.at_the_run": run.run.sha256,
        "checklist.changed": str(run.changed).lower(),
        "tester": run.run.who,
        "formula": FORMULA,
        "tmlapp": tmlapp.__version__,
    }.items():
        ET.SubElement(properties, "property", name=name, value=_plain(value))
    suite.extend(cases)
    return suite


def _case(run: RunView, step: StepView) -> ET.Element:
    last, result = step.last, result_of(step)
    length_ns = last.end_ns - last.tried.start_ns if last is not None else 0
    case = ET.Element(
        "testcase",
        classname=f"tmlapp.qa.{run.checklist.id}",
        name=_plain(f"{step.step.id}: {step.step.title}"),
        time=f"{ns_to_s(length_ns):.3f}",
    )
    found = _found(step)
    if result == "fail":
        by = "failed, says the tester" if step.state == "fail" else "an automatic check failed"
        ET.SubElement(case, "failure", message=_plain(_message(step) or by), type=by).text = _plain(found)
    elif result == "blocked":
        message = _message(step) or "could not be carried out"
        ET.SubElement(case, "error", message=_plain(message), type="blocked").text = _plain(found)
    elif result != "pass":
        ET.SubElement(case, "skipped", message=_plain(f"{_NOT_RUN[result]}. {step.why}".strip()))
    ET.SubElement(case, "system-out").text = _plain(found)
    return case


def _message(step: StepView) -> str:
    """Why, in one line: the tester's last note, or the first check that failed."""
    if step.last is None:
        return ""
    if step.last.tried.notes:
        return step.last.tried.notes[-1].text
    return next((f"{c.check.words()}: {c.outcome.why}" for c in step.last.checks if c.outcome.state == "fail"), "")


def _found(step: StepView) -> str:
    lines = [f"Do: {step.step.do}", f"Expected: {step.step.expect}"]
    for tried in step.tries:
        start, end = ns_to_s(tried.tried.start_ns), ns_to_s(tried.end_ns)
        lines.append(f"Try {tried.tried.number}, {start:.2f} to {end:.2f} s: {tried.tried.verdict or 'no verdict'}")
        lines += [f"  [{c.outcome.state}] {c.check.words()}: {c.outcome.why}" for c in tried.checks]
        lines += [f"  note: {note.text}" for note in tried.tried.notes]
        lines += [f"  screenshot: {shot.text}" for shot in tried.tried.shots]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """`text` without what no XML may hold."""
    return _REFUSED.sub("\ufffd", text)


def _timestamp(utc: str) -> str:
    try:
        return datetime.fromisoformat(utc).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError):
        return "1970-01-01T00:00:00"
