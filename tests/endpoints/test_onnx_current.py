"""What a local model is told to do: pause, going on, and who has which numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.minimodel import mini_manifest, write_model
from tmlapp.endpoints.onnx_current import CurrentTask
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_manifest import read_manifest
from tmlapp.endpoints.onnx_tasks import TaskReader

pytestmark = pytest.mark.unit

OPTIONS = ["none", "count", "remind", "paused", "go_on"]
WORDS = ("stop", "count", "remind me", "pause", "go on")


def tasks(folder: Path, options: list[str]) -> TaskReader:
    plain = mini_manifest()
    rules = [{"match": f"^{word}$", "option": i} for i, word in enumerate(WORDS[: len(options)])]
    plain["task"].update(options=options, rules=rules, params=["elapsed_s", "since_turn"])
    return TaskReader(read_manifest(write_model(folder, manifest=plain)))


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> TaskReader:
    return tasks(tmp_path_factory.mktemp("model"), OPTIONS)


def now(rules: TaskReader, instruction: str = "") -> CurrentTask:
    return CurrentTask(rules, instruction, Path())


def test_after_a_pause_the_task_is_the_same_with_its_numbers(rules: TaskReader) -> None:
    current = now(rules)
    before = current.follow("count", 732_000_000, 4)
    assert before.params == {"elapsed_s": 0.732, "since_turn": 4.0}
    assert (current.paused, current.waiting) == (False, False)
    assert current.follow("pause", 0, 9).name == "paused"
    assert current.follow("pause", 0, 11).name == "paused"
    assert current.paused
    assert current.follow("go on", 5, 20) is before
    assert not current.paused


@pytest.mark.parametrize("word", ["stop", "remind me"])
def test_what_comes_in_a_pause_takes_the_place_of_what_was_kept(rules: TaskReader, word: str) -> None:
    current = now(rules, "count")
    current.follow("pause", 0, 1)
    current.follow(word, 0, 2)
    assert not current.paused
    with pytest.raises(OnnxContractError, match="Nothing is paused"):
        current.follow("go on", 0, 3)


@pytest.mark.parametrize(("word", "why"), [("pause", "Nothing runs"), ("go on", "Nothing is paused")])
def test_there_must_be_something_to_pause_and_to_go_on_with(rules: TaskReader, word: str, why: str) -> None:
    current = now(rules)
    before = current.task
    with pytest.raises(OnnxContractError, match=why) as caught:
        current.follow(word, 0, 1)
    assert caught.value.code == "E_TASK_UNSUPPORTED"
    assert current.task is before
    with pytest.raises(OnnxContractError, match=why):
        now(rules, word)


def test_the_same_instruction_given_twice_is_two_tasks(rules: TaskReader) -> None:
    current = now(rules, "count")
    first = current.task
    assert first.params == {"elapsed_s": 0.0, "since_turn": 0.0}
    assert current.follow("count", 0, 5).params == {"elapsed_s": 0.0, "since_turn": 5.0}


def test_the_names_mean_nothing_where_only_one_of_them_is_there(tmp_path: Path) -> None:
    current = now(tasks(tmp_path, OPTIONS[:4]))
    assert current.follow("pause", 0, 1).name == "paused"
    assert not current.paused


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_whatever_is_said_the_graph_never_gets_go_on_and_only_an_order_ends_a_task(
    rules: TaskReader, words: list[str]
) -> None:
    current, runs, kept = now(rules), "none", False
    for turn, word in enumerate(words, start=1):
        try:
            current.follow(word, 0, turn)
        except OnnxContractError:
            assert (word == "go on" and not kept) or (word == "pause" and runs == "none")
            continue
        kept = word == "pause"
        if word not in ("pause", "go on"):
            runs = {"stop": "none", "count": "count", "remind me": "remind"}[word]
        assert current.task.name == ("paused" if kept else runs)
        assert current.paused == kept


ENDS = {
    "count": {"said": 1, "number": "number"},
    "remind": {"until": {"until_s": 1, "until_min": 60}, "period": {"period_s": 1}},
}


def ending(folder: Path, ends: object = ENDS) -> TaskReader:
    plain = mini_manifest()
    params = ["elapsed_s", "number", "period_s", "until_s", "until_min"]
    rules = [{"match": f"^{word}$", "option": OPTIONS.index(name)} for name, word in zip(OPTIONS, WORDS, strict=True)]
    rules[1] = {"match": "^count(?: (?P<n>[0-9]+))?$", "option": 1, "params": {"number": "n"}}
    every = "^remind me(?: every (?P<p>[0-9]+))?(?: for (?P<u>[0-9]+))?(?: (?P<m>[0-9]+) minutes)?$"
    rules[2] = {"match": every, "option": 2, "params": {"period_s": "p", "until_s": "u", "until_min": "m"}}
    plain["task"].update({"options": OPTIONS, "rules": rules, "params": params, "x-ends": ends})
    return TaskReader(read_manifest(write_model(folder, manifest=plain)))


def answer(current: CurrentTask, turns: int, said: int = 0) -> None:
    for i in range(turns):
        current.answered(i < said)


def test_a_task_is_over_when_everything_was_said(tmp_path: Path) -> None:
    current = now(ending(tmp_path), "count 2")
    answer(current, 9, said=2)
    assert not current.waiting
    answer(current, 1, said=1)
    assert current.waiting
    with pytest.raises(OnnxContractError, match="Nothing runs"):
        current.follow("pause", 0, 10)
    # The next one starts anew.
    current.follow("count 2", 0, 10)
    assert not current.waiting
    # Where no number was given there is no end.
    current.follow("count", 0, 12)
    answer(current, 300, said=300)
    assert not current.waiting


def test_what_was_said_before_a_pause_counts_after_it(tmp_path: Path) -> None:
    current = now(ending(tmp_path), "count 2")
    answer(current, 2, said=2)
    current.follow("pause", 0, 2)
    answer(current, 5)
    assert (current.paused, current.waiting) == (True, False)
    current.follow("go on", 0, 7)
    answer(current, 1, said=1)
    assert current.waiting


@pytest.mark.parametrize(
    ("instruction", "turns"),
    [
        ("remind me every 2 for 6", 27),
        ("remind me every 6 for 6", 27),
        ("remind me 1 minutes", 297),
        ("remind me every 7 for 6", None),
        ("remind me every 2", None),
    ],
)
def test_a_series_is_over_when_its_time_has_passed(tmp_path: Path, instruction: str, turns: int | None) -> None:
    current = now(ending(tmp_path))
    current.follow(instruction, 600_000_000, 3)
    answer(current, (turns or 400) - 1, said=5)
    assert not current.waiting
    answer(current, 1)
    assert current.waiting == (turns is not None)


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ({"sing": {"said": 1}}, "sing is no option"),
        ({"count": {"number": "size"}}, "size is not in params"),
        ({"count": {"period": {"period_s": 1}}}, "count.said or number"),
        ({"count": {"said": 1, "when": 2}}, "count.when is not a key"),
    ],
)
def test_a_wrong_end_is_named(tmp_path: Path, ends: object, says: str) -> None:
    with pytest.raises(OnnxContractError, match=says) as caught:
        ending(tmp_path, ends)
    assert caught.value.code == "E_MANIFEST_SCHEMA"
