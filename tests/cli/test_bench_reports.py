"""Runs of every kind from their folders to the report; one of them with a background agent."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.chat_server import ChatServer, call_events, stream, text_events
from tests.bench.fdb_folders import v1_sample
from tests.bench.fdb_v3_data import make_data
from tests.bench.test_labels_harmbench import folder as harmbench_folder
from tests.bench.test_labels_ifeval import jsonl
from tests.bench.test_labels_ifeval import row as ifeval_row
from tests.bench.test_labels_proactive_video_qa import folder as proactive_folder
from tests.bench.test_labels_proactive_video_qa import row as proactive_row
from tests.bench.test_speak_items import changed
from tests.bench.test_speak_items import items as speak_items
from tests.capture.media_made import write_video
from tests.cli.invoking import answer, graded, invoke, made, write_script
from tmlapp.bench.runs.run import load_run

pytestmark = pytest.mark.crash

KEY = "sk-very-secret-9876"
SPOKEN = "Zebras dance at midnight."


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_script(tmp_path_factory.mktemp("script") / "s.json", {"t_s": 6.4, "text": SPOKEN})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, script: Path) -> dict[str, Path]:
    """A graded run of one item for each kind of suite."""
    root = tmp_path_factory.mktemp("kinds")
    v1_sample(root / "fdb-v1", "candor_turn_taking", "1")
    harmbench_folder(root / "harmbench")
    (root / "timespeak").mkdir()
    speak_items(root / "timespeak", changed(lambda i: i.update(suite="timespeak", id="ts-1")))
    proactive_folder(root / "proactive-video-qa", "WEB", [proactive_row("q", duration=2.0)])
    pictures = [np.full((48, 64, 3), shade, np.uint8) for shade in range(0, 60, 2)]
    write_video(root / "proactive-video-qa" / "WEB" / "videos" / "q.mp4", pictures, fps=15)
    jsonl(root / "ifeval" / "input_data.jsonl", [ifeval_row()])
    found = {}
    for suite in ("fdb-v1", "harmbench", "timespeak", "proactive-video-qa", "ifeval"):
        assert made(suite, root / suite, script, root / "runs" / suite, "--instruct", "typed")["failed"] == {}
        found[suite] = root / "runs" / suite
    for run in found.values():
        graded(run)
    return found


def page_data(run: Path) -> Any:
    """What the page draws of its items."""
    text = (run / "report.html").read_text()
    return json.loads(text.partition('id="data"')[2].partition(">")[2].partition("</script>")[0])


def test_each_kind_of_run_is_reported(runs: dict[str, Path]) -> None:
    for run in runs.values():
        files = answer(invoke("bench", "report", run, "--html", "--csv", "--tables", "--latex", "--json"))["files"]
        assert {Path(f).name for f in files} == {"report.html", "results.csv", "results.json", "results.tex"}
    assert [m[2] for m in page_data(runs["fdb-v1"])["0-0"]["truth"]] == ["the user's turn ends"]
    spans = page_data(runs["proactive-video-qa"])["0-0"]["truth"]
    assert [m[:2] for m in spans] == [[1.0, 5.0], [1.0, 6.0]]
    windows = page_data(runs["timespeak"])["0-0"]["truth"]
    assert [m[:2] for m in windows][:2] == [[6.0, 9.0], [0.5, 3.0]]
    assert SPOKEN in (runs["ifeval"] / "report.html").read_text()


def test_why_an_item_is_ungraded_is_told_beside_its_number(runs: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(runs["harmbench"], tmp_path / "run")
    told = invoke("bench", "grade", tmp_path / "run", "--judge", "rules").output
    assert "ungraded, for example" in told
    assert "there are no rules for harmbench/classifier" in told


def test_runs_of_two_benchmarks_are_not_compared(runs: dict[str, Path]) -> None:
    refused = invoke("bench", "compare", runs["fdb-v1"], runs["harmbench"])
    assert refused.exit_code == 1
    assert "One is a run of fdb-v1, the other of harmbench." in refused.output


def test_harmful_text_stands_in_no_report(runs: dict[str, Path], tmp_path: Path) -> None:
    run = runs["harmbench"]
    words = ("--html", "--csv", "--tables", "--latex", "--inspect", "json", "--embed-sound", "--to", tmp_path)
    files = answer(invoke("bench", "report", run, *words, "--json"))["files"]
    assert len(files) == 4 + len(load_run(run).newest_grades())
    kept = load_run(run).answers["cat_and_dog"]["main"]
    assert kept.text == SPOKEN
    for file in files:
        text = Path(file).read_text()
        assert SPOKEN not in text, file
        assert "Draw a cat" not in text, file
        assert "data:audio" not in text, file


@pytest.fixture
def agent_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, ChatServer]]:
    """An interaction model that hands the task over and says what came back; one scenario of FD-bench v3."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AGENT_KEY", KEY)
    script = write_script(
        tmp_path / "s.json",
        {"t_s": 0.2, "call": "delegate", "arguments": {"task": "Track A1."}, "id": "d"},
        {"t_s": 0.4, "after": "d", "text": "$result"},
    )
    replies = [stream(call_events(("track_order", '{"order_id": "A1"}'))), stream(text_events("It is on its way."))]
    with ChatServer(*replies) as server:
        agent = f"big-model@{server.url}?key_env=AGENT_KEY&max_steps=4"
        data = make_data(tmp_path)
        said = made("fdb-v3", data, script, tmp_path / "run", "--agent", agent, "--limit", 1)
        assert (said["done"], said["failed"]) == (1, {})
        yield tmp_path / "run", server


def test_a_run_with_a_background_agent_says_so_everywhere_and_keeps_the_key_nowhere(
    agent_run: tuple[Path, ChatServer],
) -> None:
    run, server = agent_run
    assert [h["authorization"] for h in server.headers] == [f"Bearer {KEY}"] * 2
    assert [t["function"]["name"] for t in server.bodies[0]["tools"]][:1] == ["search_flights"]
    kept = load_run(run)
    (parts,) = kept.answers.values()
    assert (parts["main"].delegated, parts["main"].text) == (True, "It is on its way.")
    assert [t.name for t in parts["main"].tools] == ["track_order"]
    assert kept.info.settings["agent"]["key_env"] == "AGENT_KEY"
    assert any(note.startswith("Tools as in") for note in kept.info.notes)
    grade = graded(run, "--judge", "rules")["grades"][0]
    protocol = grade["provenance"]["protocol"]
    assert protocol["background_agent"] is True
    assert protocol["agent"] == {"model": "big-model", "host": server.url.split("/")[2]}
    written = invoke("bench", "report", run, "--html", "--csv", "--tables", "--latex")
    assert f"{kept.info.endpoint}*: " in written.stdout
    rows = list(csv.DictReader((run / "results.csv").read_text().splitlines()))
    assert {r["background_agent"] for r in rows if r["kind"] == "run"} == {"1"}
    assert KEY not in written.output
    assert [p.name for p in run.rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()] == []


@pytest.mark.parametrize(
    ("agent", "status", "told"),
    [
        ("m@http://127.0.0.1:9/v1?key_env=NO_SUCH_KEY", 1, "NO_SUCH_KEY"),
        ("m@http://me:sk-secret@127.0.0.1:9/v1", 2, "environment variable"),
    ],
)
def test_an_agent_that_cannot_be_used_is_refused_before_the_first_item(
    tmp_path: Path, script: Path, agent: str, status: int, told: str
) -> None:
    jsonl(tmp_path / "input_data.jsonl", [ifeval_row()])
    words = ("--suite", "ifeval", "--data", tmp_path, "--endpoint", f"scripted:{script}", "--out", tmp_path / "run")
    refused = invoke("bench", "run", *words, "--agent", agent)
    assert refused.exit_code == status
    assert told in " ".join(refused.stderr.split())
    assert not (tmp_path / "run").exists()
