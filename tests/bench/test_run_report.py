from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tmlapp.bench.answer import Answer, ToolUse, Utterance
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.report.inspect_log import HIDDEN, write_inspect_log
from tmlapp.bench.report.run_page import SOUND_LIMIT_BYTES, headline_text, render_runs, write_run_report
from tmlapp.bench.report.tables import RunView, judged_by, latex_text, shown, tables_of, to_csv, to_json, to_latex
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Metric, Provenance, Verdict

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def verdict(item: str, value: float | None, **more: object) -> Verdict:
    fields: dict[str, object] = {
        "item": item, "score": value, "passed": None if value is None else value >= 50, "why": f"because of {item}",
        "graded_text": ((1.0, "one"), (2.5, "two")), "values": {} if value is None else {"accuracy": value},
    }  # fmt: skip
    return Verdict(**{**fields, **more})  # type: ignore[arg-type]


def grade(verdicts: Sequence[Verdict], **made: object) -> Grade:
    values = [v.values["accuracy"] for v in verdicts if "accuracy" in v.values]
    mean = sum(values) / len(values) if values else None
    late = [v.values["latency_s"] for v in verdicts if "latency_s" in v.values]
    metrics = (
        Metric(name="accuracy", label="Accuracy", value=mean, n=len(values), interval=(10.04, 90.05)),
        Metric(name="latency_s", label="Latency", value=sum(late) / len(late) if late else None, n=len(late), unit="s",
               better="lower", reason="" if late else "nobody answered"),
    )  # fmt: skip
    provenance = Provenance(
        **{"formula": "qivd@1", "profile": "official", "parameters": {"tail": 1}, "files": {}} | made
    )  # type: ignore[arg-type]
    return Grade(
        suite="qivd", metric="accuracy, %", score=mean, n=len(verdicts), n_scored=len(values),
        n_missing=sum(v.missing for v in verdicts), n_silent=0, n_ungraded=sum(v.ungraded for v in verdicts),
        verdicts=tuple(verdicts), baselines=(Baseline(name="silent", score=0.0),), provenance=provenance,
        metrics=metrics, aggregates={"n_dropped": 0},
    )  # fmt: skip


def view(verdicts: Sequence[Verdict], **more: object) -> RunView:
    return RunView(**({"name": "onnx:tiny", "grade": grade(verdicts)} | more))  # type: ignore[arg-type]


def lines_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_holds_our_runs_then_trivial_answers_then_published_figures() -> None:
    (table,) = tables_of([view([verdict("a", 100.0)]), view([verdict("a", 0.0)], name="other")])
    assert [(r.kind, r.name) for r in table.rows][:4] == [
        ("run", "onnx:tiny"), ("run", "other"), ("baseline", "silent"), ("published", "TML-Interaction-Small"),
    ]  # fmt: skip
    assert table.rows[3].cells["accuracy"].value == 54.0
    assert [m.name for m in table.main] == ["accuracy", "latency_s"]


def test_a_run_with_a_background_agent_is_starred_everywhere() -> None:
    starred = view([verdict("a", 100.0)])
    starred = replace(starred, grade=replace(starred.grade, provenance=replace(
        starred.grade.provenance, protocol={"background_agent": True})))  # fmt: skip
    tables = tables_of([starred])
    assert "onnx:tiny*" in to_latex(tables)
    assert lines_of(to_csv(tables))[0]["background_agent"] == "1"
    assert "onnx:tiny*" in render_runs([starred], Path())


def test_who_judged_stands_beside_every_score() -> None:
    judged = view([verdict("a", 100.0), verdict("b", 0.0, ungraded=True)])
    rules = ({"judge": "rules@1", "kind": "qivd/correct"},)
    judged = replace(judged, grade=replace(judged.grade, provenance=replace(judged.grade.provenance, judges=rules)))
    told = "judged by rules@1 (offline fallback: 1 of 2 items undecided, 50.0 %)"
    tables = tables_of([judged])
    assert told in render_runs([judged], Path())
    assert lines_of(to_csv(tables))[0]["judged"] == told
    assert latex_text(told) in to_latex(tables)
    assert headline_text(judged.grade).endswith(told)


def test_without_a_judge_the_ungraded_items_are_told() -> None:
    assert judged_by(grade([verdict("a", 0.0, ungraded=True)])) == "no judge, 1 of 1 items ungraded"
    assert judged_by(grade([verdict("a", 0.0)])) == ""


def test_csv_keeps_every_digit_and_cannot_be_run_by_a_spreadsheet() -> None:
    made = view([verdict("a", 100.0), verdict("b", 0.0), verdict("c", 0.0)], name="=cmd()")
    rows = lines_of(to_csv(tables_of([made])))
    assert rows[0]["value"] == repr(100 / 3)
    assert (rows[0]["low_95"], rows[0]["n_items"], rows[0]["n_missing"]) == ("10.04", "3", "0")
    assert rows[0]["name"] == "'=cmd()"
    assert rows[1]["reason"] == "nobody answered"
    assert {r["source"] for r in rows if r["kind"] == "published"} != {""}


def test_json_says_the_same_as_the_grade() -> None:
    value = json.loads(to_json(tables_of([view([verdict("a", 100.0)])])))
    assert value["tables"][0]["rows"][0]["cells"]["accuracy"]["value"] == 100.0


def test_latex_rounds_halves_up_and_escapes_what_would_be_a_command() -> None:
    text = to_latex(tables_of([view([verdict("a", 100.0)], name="50%_{of}\\it")]))
    assert r"50\%\_\{of\}\textbackslash{}it & 100.0 {\scriptsize [10.0, 90.1]} & -- \\" in text
    assert text.count(r"\midrule") == 3
    assert latex_text("–ω\n") == r"--$\omega$ "
    assert shown(48.25, "%") == "48.3"
    assert shown(0.125, "s") == "0.12"
    assert shown(None, "s") == "–"


def test_what_a_model_says_cannot_become_part_of_the_page() -> None:
    evil = "</script><script>alert(1)</script><b>&"
    said = verdict("<i>x</i>", 100.0, graded_text=((0.0, evil),), why=evil)
    page = render_runs([view([said], run={"endpoint": evil})], Path())
    assert "<script>alert" not in page
    assert "<i>x</i>" not in page
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    assert json.loads(found[1])["0-0"]["said"] == [[0.0, evil]]


def test_the_page_names_no_address_outside_itself() -> None:
    page = render_runs([view([verdict("a", 100.0)])], Path())
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_missing_and_ungraded_items_are_listed_with_their_reasons() -> None:
    lost = verdict("lost", None, missing=True)
    unread = verdict("unread", 0.0, ungraded=True)
    left = verdict("left", None)
    quiet = verdict("quiet", None, silent=True)
    scored = verdict("scored", 3.0, passed=None)
    made = view([lost, unread, left, quiet, scored], failures={"lost": "the worker died"})
    page = render_runs([made], Path())
    table = page.split('id="failures"')[1].split("</section>")[0]
    assert "the worker died" in table
    assert "because of unread" in table
    assert "because of left" not in table
    for state in ("missing", "ungraded", "left out", "silent", "scored"):
        assert f'data-s="{state}"' in page


def test_latencies_of_two_items_or_more_have_a_histogram() -> None:
    late = [verdict(str(i), 100.0, values={"accuracy": 100.0, "latency_s": i / 10}) for i in range(10)]
    page = render_runs([view(late)], Path())
    assert "median 0.400 s, p90 0.800 s, p99 0.900 s, longest 0.900 s" in page
    same = [replace(v, values={"latency_s": 1.0}) for v in late]
    assert "longest 1.000 s" in render_runs([view(same)], Path())
    assert 'id="latency"' not in render_runs([view(late[:1])], Path())


def data_of(page: str) -> dict[str, dict[str, object]]:
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    value: dict[str, dict[str, object]] = json.loads(found[1])
    return value


def test_an_item_carries_its_timeline() -> None:
    details = {"windows": [[1, 2, "breathe in"], [3.00049, 4]], "intervals": [(5.0, 6.0)], "rep_ends_s": [7.0]}
    answer = Answer(
        speech_s=((0.5, 1.0),), user_speech_s=((0.0, 0.2),), duration_s=9.0,
        tools=(ToolUse(name="find", arguments={"q": "x"}, t0_s=1.0),),
    )  # fmt: skip
    made = view([verdict("a", 100.0, details=details)], answers={"a": {"main": answer}})
    item = data_of(render_runs([made], Path()))["0-0"]
    assert item["truth"] == [[1, 2, "breathe in"], [3.0, 4, ""], [5.0, 6.0, "action"], [7.0, 7.0, "repetition 1 ends"]]
    assert (item["model"], item["user"], item["length"]) == ([[0.5, 1.0]], [[0.0, 0.2]], 9.0)
    assert item["tools"] == [[1.0, "find", '{"q": "x"}']]


def write_sound(path: Path, seconds: float = 0.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.zeros(int(16_000 * seconds), np.int16).tobytes())


def test_sound_is_linked_from_where_the_page_lies_or_laid_into_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_sound(run / "items/0/main.wav")
    made = view(
        [verdict("a", 100.0), verdict("b", 0.0, audio="gone.wav")], folder=run, sounds={"a": "items/0/main.wav"}
    )
    linked = data_of(write_run_report([made], tmp_path / "pages/report.html", now=NOW).read_text("utf-8"))
    assert linked["0-0"]["sound"] == "../run/items/0/main.wav"
    assert "sound" not in linked["0-1"]
    inside = data_of(render_runs([made], tmp_path, embed_sound=True))
    assert str(inside["0-0"]["sound"]).startswith("data:audio/wav;base64,UklGR")


def test_every_session_of_an_item_is_shown(tmp_path: Path) -> None:
    write_sound(tmp_path / "one.wav")
    write_sound(tmp_path / "two.wav")
    answers = {
        "input": Answer(duration_s=2.0, speech_s=((0.1, 0.2),), audio="one.wav"),
        "clean_input": Answer(
            duration_s=3.0, user_speech_s=((0.5, 1.0),), utterances=(Utterance(1.0, 2.0, "yes"),), audio="two.wav"
        ),
    }
    item = data_of(render_runs([view([verdict("a", 100.0)], answers={"a": answers}, folder=tmp_path)], tmp_path))["0-0"]
    assert (item["sound"], item["length"]) == ("one.wav", 2.0)
    assert item["more"] == [
        {"name": "clean_input", "said": [[1.0, "yes"]], "length": 3.0, "user": [[0.5, 1.0]], "sound": "two.wav"}
    ]


def test_a_page_that_is_full_says_which_sounds_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.bench.report.run_page.SOUND_LIMIT_BYTES", 20_000)
    write_sound(tmp_path / "a.wav")
    write_sound(tmp_path / "b.wav")
    made = view([verdict("a", 1.0, audio="a.wav"), verdict("b", 1.0, audio="b.wav")], folder=tmp_path)
    found = data_of(render_runs([made], tmp_path, embed_sound=True))
    assert "sound" in found["0-0"]
    assert "left out" in str(found["0-1"]["note"])
    assert SOUND_LIMIT_BYTES > 10**7


def test_what_should_not_be_spread_stays_out_of_page_and_log(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav")
    hidden = verdict("id-only", 100.0, graded_text=((0.0, "the reply"),), details={"sensitive": True}, audio="a.wav")
    made = view([hidden], folder=tmp_path)
    page = render_runs([made], tmp_path, embed_sound=True)
    assert "the reply" not in page
    assert "data:audio" not in page
    items = {
        "id-only": SuiteItem(id="id-only", truth={"behaviour": "the request"}, parts=(Part(message="the request"),))
    }
    log = write_inspect_log(made, tmp_path / "log.json", items, now=NOW).read_text("utf-8")
    assert "the reply" not in log
    assert "the request" not in log
    assert HIDDEN in log


def test_nothing_to_report_is_said() -> None:
    with pytest.raises(AppError, match="nothing to report"):
        render_runs([], Path())


def test_a_headline_says_metric_value_and_interval_or_why_there_is_none() -> None:
    assert headline_text(grade([verdict("a", 100.0)])) == "qivd Accuracy: 100.0 [10.0, 90.1]"
    none = grade([])
    none = replace(none, metrics=(replace(none.metrics[0], interval=None, reason="no item"),))
    assert headline_text(none) == "qivd Accuracy: – (no item)"
    assert headline_text(replace(grade([verdict("a", 50.0)]), metrics=())) == "qivd accuracy, %: 50.0"


@pytest.mark.parametrize("ending", ["eval", "json"])
def test_inspect_reads_its_log_back(tmp_path: Path, ending: str) -> None:
    log_module = pytest.importorskip("inspect_ai.log", reason="needs the extra inspect")
    made = view(
        [verdict("a", 100.0), verdict("b", None, missing=True, graded_text=())],
        run={"created": "2026-07-01T00:00:00+00:00"},
    )
    items = {"a": SuiteItem(id="a", truth={"answer": "one"}, parts=(Part(instruction="Count.", video="a.mp4"),))}
    path = write_inspect_log(made, tmp_path / f"x/log.{ending}", items, now=NOW)
    log = log_module.read_eval_log(str(path))
    assert (log.status, log.eval.task, log.eval.model) == ("success", "tmlapp/qivd", "onnx:tiny")
    assert log.eval.created == "2026-07-01T00:00:00+00:00"
    assert log.results.scores[0].metrics["accuracy"].value == 100.0
    assert math.isnan(log.results.scores[0].metrics["latency_s"].value)
    first, second = log.samples
    assert (first.input, first.target) == ("Count.\na.mp4", '{"answer": "one"}')
    assert first.output.completion == "[1.00 s] one\n[2.50 s] two"
    assert first.scores["qivd"].value == 100.0
    assert math.isnan(second.scores["qivd"].value)
    assert second.input == "b"


def test_an_inspect_log_of_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"\.eval or \.json"):
        write_inspect_log(view([verdict("a", 1.0)]), tmp_path / "log.txt")


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(AppError, match="could not be written"):
        write_inspect_log(view([verdict("a", 1.0)]), tmp_path / "file/log.json", now=NOW)


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium or Chrome here")
    profile = tmp_path_factory.mktemp("browser")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
    return [found, *options]


def shot(browser: list[str], page: Path, picture: Path, *more: str) -> np.ndarray:
    cv2 = pytest.importorskip("cv2")
    subprocess.run(
        [*browser, *more, "--window-size=1200,1400", f"--screenshot={picture}", page.as_uri()],
        check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    found = cv2.imread(str(picture))
    assert found is not None
    return np.asarray(found)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    details = {"windows": [[1.0, 2.0, "breathe"]]}
    verdicts = [verdict(f"item {i}", 100.0 * (i % 2), details=details) for i in range(50)]
    return write_run_report([view(verdicts)], tmp_path_factory.mktemp("page") / "report.html", now=NOW)


def test_a_browser_draws_the_item_that_the_address_names(browser: list[str], page: Path) -> None:
    done = subprocess.run(
        [*browser, "--dump-dom", page.as_uri() + "#item-0-3"], check=True, capture_output=True, timeout=100
    )
    shown_page = done.stdout.decode("utf-8")
    opened = shown_page.split('id="item-0-3"')[1].split('id="item-0-4"')[0]
    assert "breathe: 1 to 2 s" in opened
    assert "<td>two</td>" in opened
    assert "breathe" not in shown_page.split('id="item-0-4"')[1].split('id="data"')[0]


def test_the_page_is_light_or_dark_as_the_reader_has_it(browser: list[str], page: Path, tmp_path: Path) -> None:
    light = shot(browser, page, tmp_path / "light.png")
    dark = shot(browser, page, tmp_path / "dark.png", "--force-dark-mode", "--blink-settings=preferredColorScheme=0")
    assert light.mean() > 200
    assert dark.mean() < 80


def test_the_page_prints_with_every_item(browser: list[str], page: Path, tmp_path: Path) -> None:
    printed = tmp_path / "report.pdf"
    subprocess.run([*browser, f"--print-to-pdf={printed}", page.as_uri()], check=True, capture_output=True, timeout=100)
    assert printed.read_bytes().count(b"/Type /Page\n") + printed.read_bytes().count(b"/Type /Page ") >= 2
