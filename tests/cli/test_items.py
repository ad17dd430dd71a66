"""`tmlapp items` as a person types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.bench.items_made import SPEAKERS, new_set, speech_like, write_wav
from tests.cli.invoking import answer, invoke
from tmlapp.bench.authoring.commands import SetField, SetItemField
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.store import read_set

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_set(tmp_path_factory.mktemp("made") / "set", 2)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "set"))


def script(path: Path, *lines: tuple[float, str]) -> str:
    write_wav(path.parent / "word.wav", speech_like(0.5, 1), rate=24_000)
    path.write_text(json.dumps([{"t_s": t, "text": text, "wav": "word.wav"} for t, text in lines]))
    return f"scripted:{path}"


def test_help_names_every_verb() -> None:
    told = invoke("items", "--help").output
    for verb in ("check", "try", "export", "import"):
        assert verb in told
        assert invoke("items", verb, "--help").exit_code == 0
    assert "items" in invoke("--help").output


def test_check_says_what_is_wrong_where_and_exits_with_1_only_for_errors(folder: Path) -> None:
    good = invoke("items", "check", folder)
    assert good.exit_code == 0, good.output
    assert "2 of 2 items valid" in good.output
    assert "Consent, licence, language" in invoke("items", "check", folder, "--good").output
    with Editor.open(folder) as editor:
        editor.do(SetItemField("cs-0002", "category", ""))
        editor.do(SetField("name", ""))
    found = invoke("items", "check", folder)
    assert found.exit_code == 1
    assert "cs-0002: ✕ No category" in found.output
    assert "set: ▲ The set has no name" in found.output
    assert "1 of 2 items valid" in found.output
    told = answer(invoke("items", "check", folder, "--json"), 1)
    assert (told["valid"], told["n_items"]) == (["cs-0001"], 2)
    assert told["items"]["cs-0002"][0]["code"] == "no-category"
    assert told["items"]["cs-0002"][0]["can_fix"].startswith("Set it to")


def test_check_of_one_item_looks_at_that_one(folder: Path) -> None:
    told = answer(invoke("items", "check", folder, "--item", "cs-0001", "--good", "--json"))
    assert list(told["items"]) == ["cs-0001"]
    assert told["items"]["cs-0001"][-1]["severity"] == "good"
    missing = invoke("items", "check", folder, "--item", "nobody")
    assert missing.exit_code == 1
    assert "no item 'nobody'" in missing.output


def test_check_works_while_a_window_has_the_set_open(folder: Path) -> None:
    with Editor.open(folder) as editor:
        editor.do(SetItemField("cs-0001", "notes", "not saved yet"))
        assert invoke("items", "check", folder).exit_code == 0


@pytest.mark.parametrize("verb", [("check",), ("try",), ("export", "--out", "x")])
def test_what_is_no_set_is_told_in_three_sentences(tmp_path: Path, verb: tuple[str, ...]) -> None:
    found = invoke("items", verb[0], tmp_path, *verb[1:], "--json")
    told = answer(found, 1)["error"]
    assert "no set of items" in told["what"]
    assert told["why"]
    assert told["fix"]


def test_try_prints_a_row_per_endpoint_and_keeps_them(folder: Path, tmp_path: Path) -> None:
    right = script(tmp_path / "right.json", (2.9, "sure"), (5.0, "butterfly"))
    late = script(tmp_path / "late.json", (8.4, "butterfly"))
    shown = invoke("items", "try", folder, "cs-0001", "--endpoint", right, "--endpoint", late)
    assert shown.exit_code == 0, shown.output
    assert "passes" in shown.output
    assert "in its window, meaning right “butterfly”" in shown.output
    assert "1.20 s too late" in shown.output
    told = answer(invoke("items", "try", folder, "cs-0001", "--endpoint", right, "--judge", "none", "--json"))
    (one,) = told["tries"]
    assert (one["score"], one["meaning"][0]["verdict"], one["timing"][0]["verdict"]) == (0.0, "ungraded", "in_window")
    assert one["parameters"]["multi"] == "all"
    assert (folder / one["recording"]).is_file()
    assert len((folder / "tries.jsonl").read_text().splitlines()) == 3


def test_try_of_all_items_goes_on_after_one_endpoint_failed(folder: Path, tmp_path: Path) -> None:
    silent = script(tmp_path / "silent.json")
    found = invoke("items", "try", folder, "--endpoint", silent, "--endpoint", f"scripted:{tmp_path}/no.json")
    assert found.exit_code == 1
    assert found.output.count("failed: The script") == 2
    assert found.output.count("silent") >= 2
    wrong = invoke("items", "try", folder, "--clock", "slow")
    assert wrong.exit_code == 2


def test_try_takes_parameters_of_the_rule(folder: Path, tmp_path: Path) -> None:
    early = script(tmp_path / "early.json", (5.0, "moth"), (6.5, "butterfly"))
    words = ("items", "try", folder, "cs-0001", "--endpoint", early, "--json", "--param", "utterance_gap_s=0.3")
    assert answer(invoke(*words))["tries"][0]["score"] == 100.0
    strict = answer(invoke(*words, "--profile", "strict"))["tries"][0]
    assert strict["score"] == 0.0
    assert strict["parameters"]["candidates"] == "first"


def test_export_and_import_go_round(folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "v1", tmp_path / "v2"
    shown = invoke("items", "export", folder, "--out", one, "--split", "train=0.5,test=0.5", "--seed", 4)
    assert shown.exit_code == 0, shown.output
    assert "2 items (train 1, test 1)" in shown.output
    told = answer(invoke("items", "export", folder, "--out", two, "--json"))
    assert told["parts"] == {"train": 1, "test": 1}
    assert (one / "train.jsonl").read_bytes() == (two / "train.jsonl").read_bytes()
    refused = invoke("items", "export", folder, "--out", one)
    assert refused.exit_code == 1
    assert "never overwritten" in refused.output
    assert "2 items" in invoke("items", "import", one, tmp_path / "back").output
    assert len(read_set(tmp_path / "back").items) == 2
    run = answer(
        invoke(
            "bench", "run", "--suite", "cuespeak", "--data", one, "--endpoint",
            script(tmp_path / "x.json"), "--out", tmp_path / "run", "--json",
        )
    )  # fmt: skip
    assert run["done"] == 2


def test_export_refuses_errors_unless_told_to_leave_them_out(folder: Path, tmp_path: Path) -> None:
    with Editor.open(folder) as editor:
        editor.do(SetItemField("cs-0002", "category", ""))
    assert invoke("items", "export", folder, "--out", tmp_path / "a").exit_code == 1
    shown = invoke("items", "export", folder, "--out", tmp_path / "a", "--only-valid")
    assert "1 items (test 1)" in shown.output
    assert "left out: cs-0002: No category" in shown.output
    told = answer(
        invoke("items", "export", folder, "--out", tmp_path / "b", "--only-valid", "--layout", "fdb", "--json")
    )
    assert told["items"] == ["cs-0001"]
    assert invoke("items", "export", folder, "--out", tmp_path / "c", "--layout", "x").exit_code == 2


def test_another_seed_splits_anew(folder: Path, tmp_path: Path) -> None:
    many = new_set(tmp_path / "many", 6, speakers=SPEAKERS)
    found = set()
    for seed in range(6):
        out = tmp_path / f"v{seed}"
        invoke("items", "export", many, "--out", out, "--split", "train=0.5,test=0.5", "--seed", seed)
        found.add((out / "dataset.json").read_text())
    parts = {json.dumps(json.loads(text)["split"]["speakers"]) for text in found}
    assert len(parts) > 1


def test_import_tells_what_it_changed(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "v1"
    invoke("items", "export", folder, "--out", out)
    lines: list[dict[str, Any]] = [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]
    lines[0]["expectations"][0]["weight"] = 2
    (out / "items.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    shown = invoke("items", "import", out / "items.jsonl", tmp_path / "back")
    assert "note: cs-0001: members that the format does not know were left out: expectations.weight" in shown.output
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"schema": 1}\n')
    found = invoke("items", "import", broken, tmp_path / "other", "--json")
    assert "line 1" in answer(found, 1)["error"]["what"]
    assert not (tmp_path / "other").exists()
