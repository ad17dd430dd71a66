"""Live Audio MultiChallenge from its folder to the grade: several turns of the user in one session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.judge_server import Service, said, service
from tests.cli.invoking import answer, graded, invoke, made, write_script, write_sound
from tmlapp.bench.runs.run import load_run

pytestmark = pytest.mark.crash

ROWS: list[dict[str, Any]] = [
    {"id": "birds", "axis": "INFERENCE_MEMORY", "last_user_turn": 2, "rubrics": ["Names a crow.", "Names a wren."],
     "user_turn_1_transcript": "Which bird is black?", "assistant_turn_1_transcript": "A crow.",
     "user_turn_2_transcript": "And a small one?"},
    {"id": "one", "axis": "VOICE_EDITING", "last_user_turn": 1, "rubrics": ["Names a crow."],
     "user_turn_1_transcript": "Which bird is black?"},
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first user turn lasts a second, and the model answers it at 1.5 s; what comes later is about the second."""
    folder = tmp_path_factory.mktemp("amc")
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    for row in ROWS:
        for turn in range(row["last_user_turn"]):
            write_sound(folder / "audio" / row["id"] / f"user_turn_{turn + 1}.wav", 1.0)
    script = write_script(
        folder / "script.json", {"t_s": 1.5, "text": "A crow."}, {"t_s": 4.0, "text": "A wren."}
    )  # fmt: skip
    said_so = made("audio-multichallenge", folder, script, folder / "run")
    assert (said_so["done"], said_so["failed"]) == (2, {})
    return folder / "run"


def test_answers_say_when_each_of_the_users_turns_began(run: Path) -> None:
    kept = load_run(run)
    part = kept.results["birds"].parts["main"]
    starts = kept.answers["birds"]["main"].extra["turn_starts_s"]
    assert starts[0] == 0.0
    # An answer half a second after the sound, as long as the machine's voice takes, then a second of silence.
    assert 2.6 <= starts[1] < 4.0
    assert [part.media_t0_s + s for s in starts] == pytest.approx(list(part.turn_starts_s))
    assert kept.answers["one"]["main"].extra["turn_starts_s"] == [0.0]


def test_each_reply_belongs_to_the_turn_in_which_it_began(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "official" / "predictions.jsonl").read_text().splitlines()]
    assert {line["id"]: line["turns"] for line in lines} == {
        "birds": ["A crow.", "A wren."],
        "one": ["A crow. A wren."],
    }


def test_the_rules_judge_and_recorded_verdicts_grade_it(run: Path, tmp_path: Path) -> None:
    by_rules = graded(run, "--judge", "rules", "--profile", "official")["grades"][0]
    assert (by_rules["n"], by_rules["n_missing"]) == (2, 0)
    recorded = tmp_path / "verdicts"
    recorded.mkdir()
    judged = [{"id": "birds", "criteria_met": [False, True]}, {"id": "one", "criteria_met": [True]}]
    (recorded / "judged.jsonl").write_text("\n".join(map(json.dumps, judged)))
    found = graded(run, "--judge", f"recorded:{recorded}", "--profile", "official")["grades"][0]
    values = {m["name"]: m["value"] for m in found["metrics"]}
    assert (values["apr"], values["ars"], found["n_ungraded"]) == (50.0, 75.0, 0)
    # A verdict that somebody corrects counts from then on.
    judged[0]["criteria_met"] = [True, True]
    (recorded / "judged.jsonl").write_text("\n".join(map(json.dumps, judged)))
    again = graded(run, "--judge", f"recorded:{recorded}", "--profile", "official")["grades"][0]
    assert again["metrics"][0]["value"] == 100.0


def reply(body: dict[str, Any], _: int) -> tuple[int, dict[str, str], bytes]:
    asked = body["messages"][-1]["content"]
    return 200, {}, said(json.dumps({"explanation": "", "criteria_met": "A wren" in asked.partition("CRITERION")[0]}))


@pytest.fixture
def chat() -> Any:
    with service(reply) as server:
        yield server


def test_a_judge_behind_an_address_reads_the_conversation_and_keeps_to_its_budget(
    run: Path, chat: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (run / "verdicts.jsonl").unlink(missing_ok=True)
    address = f"openai:judge-1@{chat.url}?parallel=2&rpm=100000&max_calls=2"
    first = graded(run, "--judge", address, "--profile", "official")["grades"][0]
    # Three criteria, two calls: the third question stays open, and is asked the next time.
    assert (len(chat.bodies), first["n_ungraded"]) == (2, 1)
    second = graded(run, "--judge", address, "--profile", "official")["grades"][0]
    assert (len(chat.bodies), second["n_ungraded"], second["score"]) == (3, 0, 100.0)
    contents = [asked["messages"][-1]["content"] for asked in chat.bodies]
    assert any("Assistant: A crow.\n\nUser: And a small one?\n\nAssistant: A wren." in text for text in contents)


def test_several_judges_make_a_panel(run: Path, tmp_path: Path) -> None:
    rows = [
        {"kind": "audio-multichallenge/criterion", "item": item, "key": key, "value": True}
        for item, key in (("birds", "0"), ("birds", "1"), ("one", "0"))
    ]
    table = tmp_path / "table.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    words = ("--judge", "rules", "--judge", f"audio-multichallenge/*=recorded:{table}")
    found = graded(run, *words, "--profile", "official")["grades"][0]
    assert found["score"] == 100.0
    assert {entry["judge"] for entry in found["provenance"]["judges"]} == {"recorded:table.jsonl"}
    two = answer(invoke("bench", "grade", run, "--judge", "rules", "--judge", "human", "--json"), 1)
    assert "human" in two["error"]["what"] + two["error"]["why"]
