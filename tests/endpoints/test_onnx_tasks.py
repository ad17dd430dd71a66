"""From instructions to tasks, with a limit on the time of every search."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.minimodel import mini_manifest, write_model
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_manifest import read_manifest
from tmlapp.endpoints.onnx_rules import RuleError, RulePattern, RuleTimeoutError
from tmlapp.endpoints.onnx_tasks import MAX_CHARACTERS, TaskReader, cleaned, fill, normalise

pytestmark = pytest.mark.unit


def reader(folder: Path, **task: object) -> TaskReader:
    plain = mini_manifest()
    plain["task"].update(task)
    return TaskReader(read_manifest(write_model(folder, manifest=plain)))


# ---------------------------------------------------------------- the instruction


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("  Count  Out\nREPS ", "count out reps"),
        ("every four seconds", "every 4 seconds"),
        ("Every Sixty seconds", "every 60 seconds"),
        ("every twenty-five seconds or fifty five", "every 25 seconds or 55"),
        ("one hundred times", "one hundred times"),
        ("sixty-one", "sixty-one"),
        ("zero", "zero"),
        ("every 2.05 seconds", "every 2.05 seconds"),
        ("", ""),
    ],
)
def test_instructions_are_normalised(typed: str, read: str) -> None:
    assert normalise(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Every second", "every 1 second"),
        ("every other minute", "every 2 minutes"),
        ("each half second", "each 0.5 seconds"),
        ("every minute and a half", "every 1.5 minutes"),
        ("once a minute", "every 1 minute"),
        ("in a minute", "in 1 minute"),
        ("in half a minute", "in 0.5 minutes"),
        ("in one and a half seconds", "in 1.5 seconds"),
        ("two minutes and a half", "2.5 minutes"),
        ("a minute and a half", "1.5 minutes"),
        ("one point two five seconds", "1.25 seconds"),
        ("a quarter of an hour timer", "15 minutes timer"),
        ("in three quarters of an hour", "in 45 minutes"),
        ("a couple of minutes", "2 minutes"),
        ("a minute timer", "1 minute timer"),
        ("1-hour timer", "60 minutes timer"),
        ("for the next hour", "for the next 60 minutes"),
        ("in an hour and ten minutes", "in 70 minutes"),
        ("say go for two hours.", "say go for 120 minutes."),
        ("one minute, thirty seconds", "90 seconds"),
        ("ninety-nine seconds", "99 seconds"),
        ("a hundred and twenty times", "120 times"),
        ("one hundred ninety nine", "199"),
        # What may mean something else stays as it is.
        ("take a minute to breathe", "take a minute to breathe"),
        ("sleep eight hours", "sleep 8 hours"),
        ("the second half", "the second half"),
        ("two hundred", "two hundred"),
    ],
)
def test_numbers_are_read_as_people_say_them_where_a_model_asks_for_it(typed: str, read: str) -> None:
    assert normalise(typed, spoken=True) == read


@pytest.mark.parametrize(
    ("found", "clean"), [("“breathe in”", "breathe in"), ("drink!", "drink"), ("'stand up.'", "stand up"), (" . ", "")]
)
def test_content_is_cleaned_of_quotes_and_punctuation(found: str, clean: str) -> None:
    assert cleaned(found) == clean


def test_placeholders_are_filled_or_the_phrase_is_not_there() -> None:
    assert fill("{who}, {what}", {"who": "you", "what": "sit"}) == "you, sit"
    assert fill("{who}, {what}", {"who": "you"}) is None
    assert fill("one", {}) == "one"


def test_the_first_rule_that_matches_counts(tmp_path: Path) -> None:
    task = reader(tmp_path).read("Please count out reps for squats every 4 seconds.")
    assert task.name == "count_reps"
    assert task.value is not None
    assert task.value.dtype == np.int64
    assert task.value.tolist() == [1]
    assert task.groups == {"action": "squat"}


def test_parameters_come_in_the_order_of_the_manifest_and_are_zero_where_missing(tmp_path: Path) -> None:
    rules = [
        {
            "match": "every (?P<seconds>[0-9.]+) seconds(?: for (?P<total>[0-9]+))?",
            "option": 2,
            "params": {"period_s": "seconds", "until_s": "total"},
        }
    ]
    tasks = reader(tmp_path, params=["until_s", "period_s", "other"], rules=rules)
    params = tasks.read("Say hi every 4.5 seconds").params
    assert list(params.items()) == [("until_s", 0.0), ("period_s", 4.5), ("other", 0.0)]
    assert tasks.read("").params == {"until_s": 0.0, "period_s": 0.0, "other": 0.0}


@pytest.mark.parametrize("number", ["1.2.3", "9" * 50, "nan", "inf"])
def test_what_is_no_number_or_one_that_nobody_means_is_not_understood(tmp_path: Path, number: str) -> None:
    rules = [{"match": "every (?P<s>[0-9.a-z]+) seconds", "option": 2, "params": {"period_s": "s"}}]
    with pytest.raises(OnnxContractError, match="as a number") as caught:
        reader(tmp_path, params=["period_s"], rules=rules).read(f"Remind me every {number} seconds.")
    assert caught.value.code == "E_TASK_UNSUPPORTED"


def test_spoken_numbers_are_a_choice_of_the_model(tmp_path: Path) -> None:
    rules = [{"match": "every (?P<s>[0-9.]+) seconds?", "option": 2, "params": {"period_s": "s"}}]
    told = {"params": ["period_s"], "rules": rules, "default": 0}
    assert reader(tmp_path / "a", **told).read("say hi every second").name == "none"
    assert reader(tmp_path / "b", **told, **{"x-numbers": "spoken"}).read("every second").params == {"period_s": 1.0}


@pytest.mark.parametrize(
    ("elapsed_ns", "elapsed_s"), [(0, 0.0), (1, 0.001), (1_000_000, 0.001), (731_000_001, 0.732), (10**12, 1000.0)]
)
def test_the_app_fills_its_own_parameters(tmp_path: Path, elapsed_ns: int, elapsed_s: float) -> None:
    tasks = reader(tmp_path, params=["other", "since_turn", "elapsed_s"], default=0)
    task = tasks.read("Sing.")
    assert set(task.params.values()) == {0.0}
    begun = task.begun(elapsed_ns, 7)
    assert list(begun.params.items()) == [("other", 0.0), ("since_turn", 7.0), ("elapsed_s", elapsed_s)]


@pytest.mark.parametrize("name", ["elapsed_s", "since_turn"])
def test_a_rule_may_not_fill_a_parameter_of_the_app(tmp_path: Path, name: str) -> None:
    rule = {"match": "(?P<x>[0-9])", "option": 0, "params": {name: "x"}}
    with pytest.raises(OnnxContractError) as caught:
        reader(tmp_path, params=[name], rules=[rule])
    assert caught.value.code == "E_TASK_RULE"
    assert "is filled by the app" in caught.value.message


def test_what_no_rule_matches_is_refused_with_examples(tmp_path: Path) -> None:
    with pytest.raises(OnnxContractError) as caught:
        reader(tmp_path).read("Sing.")
    assert caught.value.code == "E_TASK_UNSUPPORTED"
    assert "Please count out reps for squats. · Remind me to breathe" in caught.value.fix


def test_options_are_the_examples_of_a_model_that_no_preset_fits(tmp_path: Path) -> None:
    tasks = reader(tmp_path, options=["none", "find_cat"], rules=[{"match": "\\bcat\\b", "option": 1}])
    assert tasks.examples() == ["find cat"]


def test_a_default_is_taken_where_no_rule_matches(tmp_path: Path) -> None:
    assert reader(tmp_path, default=2).read("Sing.").name == "every_n_seconds"


@pytest.mark.parametrize(("default", "name"), [(None, ""), (1, "b")])
def test_waiting_needs_an_option_none_or_a_default(tmp_path: Path, default: int | None, name: str) -> None:
    tasks = reader(tmp_path, options=["a", "b"], rules=[{"match": "x", "option": 0}], default=default)
    if name:
        assert tasks.read(" ").name == name
        return
    with pytest.raises(OnnxContractError) as caught:
        tasks.read(" ")
    assert caught.value.code == "E_TASK_UNSUPPORTED"


def test_an_instruction_that_is_too_long_for_the_rules(tmp_path: Path) -> None:
    tasks = reader(tmp_path)
    start = "count out reps for squats "
    assert tasks.read(start + "a" * (MAX_CHARACTERS - len(start))).name == "count_reps"
    with pytest.raises(OnnxContractError) as caught:
        tasks.read(start + "a" * (MAX_CHARACTERS - len(start) + 1))
    assert caught.value.code == "E_TASK_TOO_LONG"


def utf8_reader(folder: Path, length: int) -> TaskReader:
    plain = mini_manifest()
    plain["task"] = {"kind": "utf8", "length": length}
    return TaskReader(read_manifest(write_model(folder, manifest=plain)))


def test_text_becomes_bytes_plus_one(tmp_path: Path) -> None:
    tasks = utf8_reader(tmp_path, 6)
    task = tasks.read("aé!")
    assert task.value is not None
    assert task.value.dtype == np.int32
    assert task.value.tolist() == [[98, 0xC3 + 1, 0xA9 + 1, 34, 0, 0]]
    assert tasks.examples() == []


def test_text_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(OnnxContractError) as caught:
        utf8_reader(tmp_path, 2).read("aé")
    assert caught.value.code == "E_TASK_TOO_LONG"


# ---------------------------------------------------------------- the search


SLOW = [
    r"^(?:(?:ok|please),? )*stop(?: (?:it|now|saying .*))*[ .!]*$",
    r"(a+)+$",
    r"(?P<x>.+?),? every (?P<y>[0-9]+(?:\.[0-9]+)?)(?: (?P<z>.*?))?.*?.*$",
    r"\bsay (?P<x>(?:go|stop|now|\w{2,5}|[^ a-f])*)\b",
    r"(?:ab|a)*?b(?P<x>[^b]{1,20})(?:\D|\W|\S|\s)*(?P<x2>)",
    r"(?P<x>a|ab)(?:c|bcd)*(?P<y>d*)",
    r"\A(?:[a-c]|\Bx)+\Z",
    r"(?:(?P<x>a)|b)*",
]
WORDS = ["ok", "please", "stop", "it", "now", "saying", "a", "ab", "aaa", "every", "4", "5.5", "say", "go", "b", "abcd"]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SLOW),
    st.one_of(
        st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), st.text(st.sampled_from("ab bcdx4.é!"), max_size=14)
    ),
)
def test_a_search_with_a_limit_finds_what_re_finds(expression: str, text: str) -> None:
    match = re.search(expression, text, re.ASCII)
    wanted = None if match is None else {k: v for k, v in match.groupdict().items() if v is not None}
    assert RulePattern(expression).search(text) == wanted


def test_a_search_that_would_never_end_is_given_up() -> None:
    with pytest.raises(RuleTimeoutError):
        RulePattern("(?:a|aa)+(?:b|c+)*$").search("a" * 399 + "!")


def test_a_slow_search_is_an_error_of_the_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = reader(tmp_path)

    def late(self: RulePattern, text: str) -> None:
        raise RuleTimeoutError

    monkeypatch.setattr(RulePattern, "search", late)
    with pytest.raises(OnnxContractError) as caught:
        tasks.read("count")
    assert caught.value.code == "E_TASK_RULE"


@pytest.mark.parametrize("expression", ["(", "a{4294967296}", r"\p{Lu}", "(?P<x>a)(?P<x>b)"])
def test_what_re_does_not_understand_is_refused(expression: str) -> None:
    with pytest.raises(RuleError):
        RulePattern(expression)


def test_the_rules_of_the_shipped_model_find_what_re_finds() -> None:
    path = Path(__file__).parents[2] / "models" / "tiny" / "manifest.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    texts = [normalise(t) for t in plain.get("x-examples", [])] + [
        "stop saying it now please",
        "every 5 minutes say hi",
    ]
    for rule in plain["task"]["rules"]:
        pattern = RulePattern(rule["match"])
        for text in texts:
            match = re.search(rule["match"], text, re.ASCII)
            wanted = None if match is None else {k: v for k, v in match.groupdict().items() if v is not None}
            assert pattern.search(text) == wanted, (rule["match"], text)
