from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.bench.judge_server import RIGHT, SkippingClock, client_of, judge_of, question, refusal, service
from tmlapp.bench.judges.chat import ChatClient
from tmlapp.bench.judges.openai import OpenAIJudge
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def test_several_questions_are_under_way_at_once() -> None:
    together = threading.Barrier(4)

    def meets(body: dict[str, Any], n: int) -> str:
        together.wait(30)  # breaks, and fails the test, unless four calls are here at the same time
        return RIGHT

    with service(meets) as server:
        judge = judge_of(server, parallel=4)
        with ThreadPoolExecutor(judge.parallel) as pool:
            rulings = list(pool.map(judge.ask, [question(n) for n in range(8)]))
        assert [ruling.value for ruling in rulings] == [True] * 8
        assert judge.provenance()[0]["calls"] == 8


def test_calls_keep_to_the_rate() -> None:
    with service(RIGHT) as server:
        clock = SkippingClock()
        judge = judge_of(server, clock=clock, per_minute=30)
        for n in range(4):
            judge.ask(question(n))
        assert clock.waits == [2.0, 2.0, 2.0]


def test_a_budget_of_calls_leaves_the_rest_ungraded() -> None:
    with service([refusal(500), RIGHT, RIGHT]) as server:
        judge = judge_of(server, max_calls=3)
        rulings = [judge.ask(question(n)) for n in range(4)]
        assert [ruling.value for ruling in rulings] == [True, True, None, None]
        assert rulings[-1].why == "the budget of 3 calls is spent"
        assert len(server.bodies) == 3


def test_a_budget_of_tokens_leaves_the_rest_ungraded() -> None:
    with service(RIGHT) as server:
        judge = judge_of(server, max_tokens=30)
        rulings = [judge.ask(question(n)) for n in range(3)]
        assert [ruling.value for ruling in rulings] == [True, True, None]
        assert rulings[-1].why == "the budget of 30 tokens is spent"


def test_a_wrong_key_ends_the_waits_of_the_others() -> None:
    def answers(body: dict[str, Any], n: int) -> Any:
        return refusal(503) if "three 0" in body["messages"][1]["content"] else refusal(401)

    with service(answers) as server, ThreadPoolExecutor(1) as pool:
        clock = ManualClock()
        judge = judge_of(server, clock=clock)
        waiting = pool.submit(judge.ask, question(0))
        clock.await_waiters()
        with pytest.raises(AppError):
            judge.ask(question(1))
        with pytest.raises(AppError, match="refuses the key"):
            waiting.result()


def test_closing_ends_waits() -> None:
    with service(refusal(503)) as server, ThreadPoolExecutor(1) as pool:
        clock = ManualClock()
        client = client_of(server, clock=clock)
        waiting = pool.submit(OpenAIJudge(client).ask, question())
        clock.await_waiters()
        client.close()
        assert waiting.result().why == "the judge was closed"


def test_a_call_that_begins_while_another_thread_closes_stays_ungraded() -> None:
    with service(RIGHT) as server:
        client = client_of(server)
        client._http.close()
        assert OpenAIJudge(client).ask(question()).why == "the judge was closed"


@pytest.mark.parametrize(
    ("url", "path", "host"),
    [
        ("http://localhost:11434", "/v1/chat/completions", "localhost:11434"),
        ("http://h/api/v2/", "/api/v2/chat/completions", "h"),
        ("https://h/v1/chat/completions", "/v1/chat/completions", "h"),
        ("http://[::1]:8000/v1", "/v1/chat/completions", "[::1]:8000"),
    ],
)
def test_addresses(url: str, path: str, host: str) -> None:
    client = ChatClient(model="m", url=url)
    assert client.url.endswith(host + path)
    assert client.host == host
    client.close()


@pytest.mark.parametrize(
    "url", ["", "ftp://h/", "localhost:8000", "http://user:pw@h/v1", "http://h:99999999/", "http://[", "http:///v1"]
)
def test_an_address_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(AppError, match="address of the judge is not valid") as error:
        ChatClient(model="m", url=url)
    assert "pw" not in str(error.value)


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "schlüssel"])
def test_a_variable_without_a_usable_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(AppError, match="JUDGE_KEY holds no key") as error:
        ChatClient(model="m", url="http://h/", key_env="JUDGE_KEY", environ={"JUDGE_KEY": key})
    assert not key.strip() or key not in str(error.value)


def test_texts_with_broken_characters_are_sent() -> None:
    with service(RIGHT) as server:
        reply = client_of(server).complete([{"role": "user", "content": "\ud800 ü"}])
        assert reply.text == RIGHT
        assert json.loads(json.dumps(server.bodies[0]["messages"][0]["content"])) == "\ud800 ü"
