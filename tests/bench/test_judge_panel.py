from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.bench.judge_server import RIGHT, Scripted, SkippingClock, question, service
from tmlapp.bench.judges import panel
from tmlapp.bench.judges.base import Judge, NoJudge, Question, Ruling
from tmlapp.bench.judges.cache import CachedJudge
from tmlapp.bench.judges.human import HumanJudge
from tmlapp.bench.judges.openai import OpenAIJudge
from tmlapp.bench.judges.panel import FirstDecides, Panel, Surroundings, first_decides, judge_from_address
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.judges.rules import RulesJudge, meaning_rules
from tmlapp.bench.suite import RecordedVerdict
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def scripted(name: str, value: Any, *, why: str = "") -> Scripted:
    judge = Scripted(value, reply=f"{name} replies", why=why)
    judge.name = name
    return judge


def typed(*lines: str) -> tuple[HumanJudge, list[str]]:
    """A person who types `lines` and then goes away; and what was shown."""
    shown: list[str] = []
    left = list(lines)

    def ask(text: str) -> str:
        shown.append(text)
        if not left:
            raise EOFError
        return left.pop(0)

    return HumanJudge(ask), shown


def test_a_person_rules_with_one_letter_or_the_reply_that_is_asked_for() -> None:
    judge, _ = typed("y", " NO ", "s", "", '{"correct": false}')
    scored = question(right_value=3, wrong_value=1)
    assert [judge.ask(scored).value for _ in range(5)] == [3, 1, None, None, False]
    entry = judge.provenance()[0]
    assert (entry["judge"], entry["questions"], entry["ungraded"]) == ("human", 5, 2)


def test_a_person_is_asked_again_for_a_reply_that_cannot_be_read() -> None:
    judge, shown = typed("what", "yes", "1", "2", "3")
    assert judge.ask(question()).replies == ("what", "yes")
    assert shown[1] == "Please type y, n or s.\n"
    assert judge.ask(question()).why == "no reply could be read"


def test_when_the_person_is_gone_nothing_more_is_asked() -> None:
    judge, shown = typed()
    assert [judge.ask(question(n)).why for n in range(3)] == ["nobody was there to ask"] * 3
    assert len(shown) == 1


def test_a_person_sees_no_times_and_nothing_that_steers_the_terminal() -> None:
    judge, shown = typed("y")
    fields = {"candidate": "two\nlines\x1b[2J", "onset_s": "7.31", "t0": "1", "context": " ", "expected": "três"}
    judge.ask(Question(prompt=question().prompt, item="item-at-7", key="e1/0", fields=fields))
    assert shown == [
        "t/correct\n"
        "  candidate: two\n"
        "             lines�[2J\n"
        "  expected: três\n"
        "y = right, n = wrong, s = skip, or the reply that is asked for\n"
    ]


def test_a_panel_sends_each_kind_to_its_judge() -> None:
    one, many, rest = scripted("one", 1), scripted("many", 2), scripted("rest", 3)
    judge = Panel({"t/correct": one, "t/*": many}, rest)
    kinds = ["t/correct", "t/other", "x/correct"]
    assert [judge.ask(question(kind=kind)).value for kind in kinds] == [1, 2, 3]
    assert judge.name == "panel(t/correct=one; t/*=many; rest)"
    assert [entry["judge"] for entry in judge.provenance()] == ["one", "many", "rest"]
    assert judge.parallel == 4


def test_kinds_without_a_judge_stay_ungraded() -> None:
    judge = Panel({"t/correct": scripted("one", 1)})
    assert judge.ask(question(kind="x/y")).why == "no judge was chosen"


def test_the_first_that_decides_is_named() -> None:
    ask = question(rules=meaning_rules)
    judge = first_decides([RulesJudge(), scripted("down", None, why="it is down"), scripted("last", False)])
    ruling = judge.ask(Question(prompt=ask.prompt, item="i", key="k", fields={"candidate": "red", "expected": "red"}))
    assert (ruling.judge, ruling.value, ruling.details) == ("rules@1", True, {})
    hard = {"candidate": "something that rolls across floors quickly", "expected": "a red ball"}
    ruling = judge.ask(Question(prompt=ask.prompt, item="i", key="k", fields=hard))
    assert (ruling.judge, ruling.value) == ("last", False)
    assert ruling.details["passed_by"] == ["rules@1", "down"]
    assert judge.name == "first(rules@1, down, last)"
    assert [entry["judge"] for entry in judge.provenance()] == ["rules@1", "down", "last"]


def test_where_nobody_decides_all_reasons_are_told() -> None:
    judge = FirstDecides([RulesJudge(), scripted("down", None, why="it is down")])
    ruling = judge.ask(question())
    assert ruling.why == "rules@1: there are no rules for t/correct; down: it is down"
    assert (ruling.value, ruling.undecided, ruling.replies) == (None, False, ("down replies",))
    assert FirstDecides([RulesJudge()]).ask(question()).undecided is True
    assert FirstDecides([]).ask(question()).why == "nobody was asked"
    assert FirstDecides([]).parallel == 1


def test_one_judge_alone_needs_no_chain() -> None:
    judge = scripted("one", 1)
    assert first_decides([judge]) is judge


def test_a_judge_gets_no_more_questions_at_once_than_it_takes() -> None:
    class OneByOne(Scripted):
        parallel = 1
        inside = threading.Lock()

        def ask(self, question: Question) -> Ruling:
            assert self.inside.acquire(blocking=False)
            try:
                return super().ask(question)
            finally:
                self.inside.release()

    single = OneByOne(None)
    # It stands in two places, and is one judge all the same.
    judge = Panel({"t/*": FirstDecides([single, scripted("b", 1)])}, scripted("c", 2))
    with ThreadPoolExecutor(8) as pool:
        assert {r.value for r in pool.map(judge.ask, [question(n) for n in range(200)])} == {1}
    assert len(single.asked) == 200


def test_closing_reaches_all_that_can_be_closed(tmp_path: Path) -> None:
    cached = CachedJudge(scripted("one", 1), tmp_path / "v.jsonl")
    judge = Panel({"t/*": FirstDecides([cached])}, NoJudge())
    judge.ask(question())
    judge.close()
    judge.close()


def test_addresses_name_judges(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    table.write_text(json.dumps({"kind": "t/correct", "item": "item-0", "key": "main", "value": True}) + "\n")
    around = Surroundings(ask=input)
    named = {
        "": "none",
        "none": "none",
        "rules": "rules@1",
        "human": "human",
        f"recorded:{table}": "recorded:t.jsonl",
        "openai:llama3:8b@http://localhost:11434": "openai:llama3:8b@localhost:11434",
        "rules, human": "first(rules@1, human)",
        "t/correct=rules,human; x/*=human; none": "panel(t/correct=first(rules@1, human); x/*=human; none)",
        "qivd/correct=rules": "panel(qivd/correct=rules@1; none)",
    }
    for address, name in named.items():
        assert judge_from_address(address, around).name == name
    assert judge_from_address(["x/y=rules", "human"], around).name == "panel(x/y=rules@1; human)"
    assert judge_from_address("none").name == "none"


def test_options_of_a_service_are_read() -> None:
    with service(RIGHT) as server:
        clock = SkippingClock()
        address = (
            f"openai:m@{server.url}?key_env=K&rpm=30&parallel=2&max_calls=3&max_tokens=900&retries=0&timeout_s=9.5"
        )
        judge = judge_from_address(address, Surroundings(clock=clock, environ={"K": "secret"}))
        assert isinstance(judge, OpenAIJudge)
        assert judge.parallel == 2
        rulings = [judge.ask(question(n)) for n in range(4)]
        assert [r.value for r in rulings] == [True, True, True, None]
        assert clock.waits == [2.0, 2.0]
        assert server.headers[0]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://api.openai.com/v1", True),
        ("https://api.openai.com", True),
        ("https://api.openai.com.example.org", False),
    ],
)
def test_the_key_of_openai_goes_to_openai_only(url: str, sent: bool) -> None:
    address = f"openai:gpt-4o-mini@{url}"
    assert judge_from_address(address, Surroundings(environ={"OPENAI_API_KEY": "sk-1"})).name.startswith("openai:gpt")
    if sent:
        with pytest.raises(AppError, match="OPENAI_API_KEY holds no key"):
            judge_from_address(address, Surroundings(environ={}))
    else:
        judge_from_address(address, Surroundings(environ={}))


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("oracle", "There is no judge 'oracle'"),
        ("openai:gpt-4o", "needs a model and an address"),
        ("openai:@http://h", "needs a model and an address"),
        ("openai:m@http://h?rpm=0", "option rpm cannot be '0'"),
        ("openai:m@http://h?rpm=nan", "option rpm cannot be 'nan'"),
        ("openai:m@http://h?parallel=1.5", "option parallel cannot be '1.5'"),
        ("openai:m@http://h?speed=9", "has no option 'speed'"),
        ("rules?strict=1", "has no option 'strict'"),
        ("human", "Nobody can be asked here"),
        ("rules; none", "two judges for all kinds"),
        ("recorded:", "no recorded verdicts|cannot be read"),
    ],
)
def test_addresses_that_are_wrong_say_why(address: str, what: str) -> None:
    with pytest.raises(AppError, match=what):
        judge_from_address(address, Surroundings(environ={}))


def test_a_folder_is_read_as_our_cache_or_by_its_suite(tmp_path: Path) -> None:
    CachedJudge(scripted("one", False), tmp_path / "own" / "verdicts.jsonl").ask(question())
    assert judge_from_address(f"recorded:{tmp_path}/own?judge=one").ask(question()).value is False
    official = tmp_path / "official, 2024"
    official.mkdir()
    with pytest.raises(AppError, match=r"folder without verdicts\.jsonl"):
        judge_from_address(f"recorded:{official}")

    def verdicts(folder: Path) -> list[RecordedVerdict]:
        assert folder == official
        return [RecordedVerdict(kind="t/correct", item="item-0", key="main", value=5)]

    judge = judge_from_address(f"recorded:{official},rules", Surroundings(verdicts=verdicts))
    assert judge.name == "first(recorded:official, 2024, rules@1)"
    assert judge.ask(question()).value == 5


class _Point:
    def __init__(self, make: Any) -> None:
        self.make = make

    def load(self) -> Any:
        return self.make


@panel.judge("constant")
def constant(rest: str, options: dict[str, str], around: Surroundings) -> Judge:
    return RecordedJudge(name=f"constant:{rest}:{options.pop('a', '')}")


def test_judges_of_other_distributions_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel, "entry_points", lambda group: [_Point(constant)] if group == "tmlapp.judges" else [])
    assert judge_from_address("constant:x?a=b,rules").name == "first(constant:x:b, rules@1)"


def test_two_judges_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel, "entry_points", lambda **_: [_Point(constant), _Point(constant)])
    with pytest.raises(AppError, match="Two kinds of judges are named 'constant'"):
        panel.makers()


def test_closing_a_chain_ends_the_waits_of_its_service(tmp_path: Path) -> None:
    with service(RIGHT) as server:
        judge = judge_from_address(f"rules,openai:m@{server.url}")
        cached = CachedJudge(judge, tmp_path / "v.jsonl")
        assert cached.ask(question(0)).value is True
        cached.close()
        assert cached.ask(question(1)).why.endswith("the judge was closed")
