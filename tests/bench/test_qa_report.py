"""What a tester hands over: a page that is complete in itself, and JUnit XML that CI servers read."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.bench.qa_parts import Done, TurnFeed, judge, microphone, model, run_session, start
from tmlapp.bench.annotations import annotations_of
from tmlapp.bench.qa.checklist import find_checklist, load_checklist, read_checklist
from tmlapp.bench.qa.junit import junit_xml
from tmlapp.bench.qa.offline import open_qa, result_of
from tmlapp.bench.qa.places import folder_of
from tmlapp.bench.qa.report import write_qa_report
from tmlapp.core.errors import AppError
from tmlapp.recording.recover import recover

pytestmark = pytest.mark.unit

NASTY = "<script>alert(1)</script> größer 測試 \x07 " + "lang " * 2000


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Passed by hand against the checks, failed, blocked, left out; a note and two screenshots, one of them lost."""
    folder = tmp_path_factory.mktemp("tested")
    deeds = [
        (1.0, start("before-the-first")), (4.0, judge("before-the-first", "pass")),
        (5.0, start("five-squats")), (6.0, lambda run, _s: run.shot("five-squats", "005-five-squats.png")),
        (6.2, lambda run, _s: run.shot("five-squats", "../../etc/gone.png")),
        (7.0, lambda run, _s: run.note("five-squats", NASTY)), (9.0, judge("five-squats", "fail")),
        (10.0, start("rest")), (11.0, judge("rest", "blocked")),
        (11.4, lambda run, _s: run.skip("goes-on", "too late")),
    ]  # fmt: skip
    said = [(2.0, "three", 0.4), (6.0, "one <b>", 0.4)]
    done = run_session(
        folder, TurnFeed(microphone(13, [(5, 6)])), model(said), load_checklist(find_checklist("counting")), deeds
    )
    picture = folder_of(done.path) / "005-five-squats.png"
    picture.parent.mkdir()
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    return done


class _Page(HTMLParser):
    """Elements that were opened, closed in order, and every address."""

    void = {"meta", "img", "link", "br"}  # noqa: RUF012 - a constant of a test

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_holds_everything_and_needs_nothing_else(tested: Done) -> None:
    made = write_qa_report(tested.path)
    text = made.page.read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert all(a.startswith(("data:", "#")) for a in page.addresses)
    assert {"video", "img"} <= set(page.tags)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; größer 測試" in text
    for words in (
        "It spoke after 1.00 s.",
        "Stand still, start this step",
        "It counts nothing.",
        "too late",
        "2 passed",
    ):
        assert (words in text) == (words != "2 passed"), words
    assert "The screenshot ../../etc/gone.png is not there any more." in text
    digest = load_checklist(find_checklist("counting")).sha256
    assert digest in text
    assert re.search(r"sha256, recording</dt><dd><code>[0-9a-f]{64}", text)
    assert "The largest number n that the model says" in text
    assert made.failed
    assert all(path.is_file() for path in made.media)


def test_without_the_extra_the_page_has_sound_and_still_pictures(
    tested: Done, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tmlapp.bench.qa.media.has_media", lambda: False)
    made = write_qa_report(tested.path, out=tmp_path / "ä b")
    page = _Page()
    page.feed(made.page.read_text(encoding="utf-8"))
    assert "audio" in page.tags
    assert "video" not in page.tags
    assert sum(a.startswith("data:image/jpeg") for a in page.addresses) >= 3
    assert {p.suffix for p in made.media} == {".wav"}


def test_what_has_no_room_in_the_page_lies_beside_it(
    tested: Done, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tmlapp.bench.qa.report.EMBEDDED_BYTES", 0)
    monkeypatch.setattr("tmlapp.bench.qa.media.has_media", lambda: False)
    made = write_qa_report(tested.path, out=tmp_path / "out")
    page = _Page()
    page.feed(made.page.read_text(encoding="utf-8"))
    beside = [a for a in page.addresses if not a.startswith(("data:", "#"))]
    assert beside
    assert all((made.page.parent / a).is_file() for a in beside)
    assert any(p.suffix == ".jpg" for p in made.media)
    assert "lies in" in made.page.read_text(encoding="utf-8")


def test_media_that_cannot_be_cut_are_told_and_the_report_is_written(
    tested: Done, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **_more: object) -> Path:
        raise AppError("The film cannot be written.", "The frame is no picture.", "Verify it.")

    monkeypatch.setattr("tmlapp.bench.qa.media.write_mp4", refuse)
    made = write_qa_report(tested.path, out=tmp_path)
    assert made.media == ()
    assert "The film cannot be written. The frame is no picture." in made.page.read_text(encoding="utf-8")


def test_a_report_without_media_is_quick_and_small(tested: Done, tmp_path: Path) -> None:
    made = write_qa_report(tested.path, out=tmp_path, media=False)
    assert made.media == ()
    assert made.page.stat().st_size < 100_000


SUITE = {"id", "name", "package", "hostname", "timestamp", "tests", "failures", "errors", "skipped", "time"}


def test_the_xml_has_the_form_that_ci_servers_read(tested: Done) -> None:
    root = ET.fromstring(junit_xml(open_qa(tested.path)))
    assert root.tag == "testsuites"
    assert set(root.attrib) == {"name", "tests", "failures", "errors", "skipped", "time"}
    for suite in root:
        assert suite.tag == "testsuite"
        assert set(suite.attrib) == SUITE
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
        assert [e.tag for e in suite] == ["properties"] + ["testcase"] * int(suite.get("tests", ""))
        for wanted, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(wanted, "")) == len(suite.findall(f"testcase/{tag}"))
        for item in suite[0]:
            assert (item.tag, set(item.attrib)) == ("property", {"name", "value"})
        for case in suite.findall("testcase"):
            assert set(case.attrib) == {"classname", "name", "time"}
            assert float(case.get("time", "")) >= 0
            *results, out = [e.tag for e in case]
            assert out == "system-out"
            assert results in ([], ["failure"], ["error"], ["skipped"])
            for result in case[:-1]:
                assert set(result.attrib) <= {"message", "type"}
    cases = {c.get("name", "").partition(":")[0]: c for c in root.iter("testcase")}
    assert [c[0].tag for c in cases.values()] == ["system-out", "failure", "error", "skipped"]
    assert "\ufffd" in str(cases["five-squats"][0].get("message"))
    assert "[fail] stays silent for 8 s" in str(cases["before-the-first"][0].text)
    assert cases["goes-on"][0].get("message") == "skipped by the tester. too late"


def test_the_person_decides_and_without_a_word_the_checks_do(tested: Done) -> None:
    step = open_qa(tested.path).runs[0].steps[0]
    assert (step.state, step.last.automatic if step.last else "", result_of(step)) == ("pass", "fail", "pass")
    assert result_of(replace(step, state="ended")) == "fail"
    assert result_of(replace(step, state="pending", tries=())) == "undecided"


def test_a_checklist_changed_after_the_run_shows_both_digests(tested: Done, tmp_path: Path) -> None:
    old = load_checklist(find_checklist("counting"))
    changed = read_checklist(old.text.replace("id: rest", "id: pause"), "counting.yaml")
    text = write_qa_report(tested.path, checklist=changed, out=tmp_path, media=False).page.read_text(encoding="utf-8")
    assert "was changed after the run" in text
    assert old.sha256 in text
    assert changed.sha256 in text
    assert "does not have any more: rest" in text


def test_damaged_lines_are_told_in_the_report(tested: Done, tmp_path: Path) -> None:
    path = annotations_of(tested.path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"half": \n')
    text = write_qa_report(tested.path, out=tmp_path, media=False).page.read_text(encoding="utf-8")
    path.write_bytes(whole)
    assert "1 damaged lines could not be read" in text


def test_a_folder_that_cannot_be_written_says_so(tested: Done, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AppError):
        write_qa_report(tested.path, out=tmp_path / "file", media=False)


@pytest.mark.parametrize("name", ["link.png", "x" * 300 + ".png", "..", "a\0b"])
def test_a_screenshot_that_is_a_link_or_no_name_is_not_laid_into_the_page(
    tested: Done, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_bytes(b"secret of this machine")
    folder = folder_of(tested.path)
    (folder / "link.png").symlink_to(tmp_path / "secret")
    notes = annotations_of(tested.path)
    kept = notes.read_text()
    try:
        notes.write_text(kept.replace("005-five-squats.png", json.dumps(name)[1:-1]))
        text = write_qa_report(tested.path, out=tmp_path / "out", media=False).page.read_text(encoding="utf-8")
    finally:
        notes.write_text(kept)
        (folder / "link.png").unlink()
    assert base64.b64encode(b"secret of this machine").decode() not in text
    assert text.count("is not there any more") == 2


@pytest.mark.crash
def test_what_was_done_survives_a_kill(tmp_path: Path) -> None:
    child = subprocess.run([sys.executable, "-m", "tests.bench.qa_child", str(tmp_path)], check=False, timeout=60)
    assert child.returncode == -9
    recover(tmp_path / "qa.mcap.part")
    run = open_qa(tmp_path / "qa.mcap").runs[0]
    assert [s.state for s in run.steps] == ["blocked", "ended", "pending", "pending"]
    assert [n.text for n in run.steps[0].tries[0].tried.notes] == ["still here"]
    last = run.steps[1].last
    assert last is not None
    assert [c.outcome.value for c in last.checks] == [2, 2, 2]
