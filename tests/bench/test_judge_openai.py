from __future__ import annotations

import gzip
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.bench.judge_server import (
    KEY,
    RIGHT,
    SkippingClock,
    client_of,
    judge_of,
    question,
    refusal,
    said,
    service,
)
from tmlapp.bench.judges.base import Ruling
from tmlapp.bench.judges.chat import MOST_BYTES, ChatClient, Limits
from tmlapp.bench.judges.openai import OpenAIJudge
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def test_a_reply_is_read_and_everything_about_it_kept() -> None:
    with service(RIGHT) as server:
        judge = judge_of(server, key=True)
        asked = question(max_tokens=20, model="gpt-4o-mini")
        ruling = judge.ask(asked)
        assert ruling == Ruling(
            value=True,
            judge=f"openai:judge-1@{server.host}",
            replies=(RIGHT,),
            details={
                "prompt_sha256": asked.prompt.sha256,
                "temperature": 0.0,
                "seed": 0,
                "model": "judge-1-2026",
                "finish_reason": "stop",
                "prompt_tokens": 10,
                "completion_tokens": 5,
            },
        )
        assert server.paths == ["/v1/chat/completions"]
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert server.bodies == [
            {
                "model": "judge-1",
                "messages": [
                    {"role": "system", "content": "Judge."},
                    {"role": "user", "content": "Is three 0 three?"},
                ],
                "temperature": 0.0,
                "seed": 0,
                "max_tokens": 20,
            }
        ]
        assert judge.provenance() == (
            {
                "judge": judge.name,
                "kind": "t/correct",
                "prompt_sha256": asked.prompt.sha256,
                "prompt_source": "ours",
                "official_model": "gpt-4o-mini",
                "models": ["judge-1-2026"],
                "temperature": 0.0,
                "seed": 0,
                "seed_step": 0,
                "max_tokens": 20,
                "questions": 1,
                "ungraded": 0,
                "calls": 1,
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "calls_with_estimated_tokens": 0,
            },
        )


def test_nonsense_is_asked_again_with_the_next_seed_and_then_stays_ungraded() -> None:
    with service("maybe") as server:
        judge = judge_of(server)
        ruling = judge.ask(question(seed=1, seed_step=1))
        assert (ruling.value, ruling.why, ruling.replies) == (None, "no reply of 3 could be read", ("maybe",) * 3)
        assert [body["seed"] for body in server.bodies] == [1, 2, 3]
        assert (ruling.details["prompt_tokens"], judge.provenance()[0]["ungraded"]) == (30, 1)


def test_a_readable_reply_after_nonsense_counts() -> None:
    with service(["?", RIGHT]) as server:
        ruling = judge_of(server).ask(question(seed=None, temperature=None))
        assert (ruling.value, ruling.replies) == (True, ("?", RIGHT))
        assert all("seed" not in body and "temperature" not in body for body in server.bodies)


def test_what_a_model_thinks_aloud_is_kept_and_not_read() -> None:
    reply = '<think>perhaps {"correct": false}</think>{"correct": true}'
    with service(reply) as server:
        ruling = judge_of(server).ask(question())
        assert (ruling.value, ruling.replies) == (True, (reply,))


@pytest.mark.parametrize(
    ("content", "text"), [(None, ""), ([{"type": "text", "text": RIGHT}, 3], RIGHT), ({"odd": 1}, "")]
)
def test_content_in_parts_or_none_at_all_is_read(content: Any, text: str) -> None:
    with service((200, {}, said(content))) as server:
        assert client_of(server).complete([{"role": "user", "content": "?"}]).text == text


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": "7"}])
def test_tokens_are_estimated_where_the_service_does_not_count(usage: Any) -> None:
    with service((200, {}, said(RIGHT, usage=usage, model=None))) as server:
        judge = judge_of(server)
        ruling = judge.ask(question())
        entry = judge.provenance()[0]
        assert (entry["calls_with_estimated_tokens"], entry["completion_tokens"]) == (1, len(RIGHT) // 4)
        assert ruling.details["model"] == "judge-1"


def test_busy_services_are_asked_again_after_growing_waits() -> None:
    answers = [refusal(500), refusal(503), refusal(429), (200, {}, said(RIGHT))]
    with service(answers) as server:
        clock = SkippingClock()
        assert judge_of(server, clock=clock).ask(question()).value is True
        assert clock.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", None),
        ("nan", 1.0),
        ("soon", 1.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 12:00:30", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", None),
    ],
)
def test_a_service_that_says_how_long_to_wait_is_obeyed(header: str, wait_s: float | None) -> None:
    with service([refusal(429, {"Retry-After": header}), RIGHT]) as server:
        clock = SkippingClock()
        assert judge_of(server, clock=clock).ask(question()).value is True
        assert clock.waits == ([] if wait_s is None else [wait_s])


def test_a_wait_that_is_too_long_leaves_the_question_ungraded() -> None:
    with service(refusal(429, {"Retry-After": "3600"})) as server:
        ruling = judge_of(server).ask(question())
        assert ruling.why == f"{server.host} answers with status 429; it asks to wait 3600 s"
        assert len(server.bodies) == 1


def test_waits_stand_on_the_clock_until_their_time_has_come() -> None:
    with service([refusal(503), RIGHT]) as server, ThreadPoolExecutor(1) as pool:
        clock = ManualClock()
        ruling = pool.submit(judge_of(server, clock=clock).ask, question())
        clock.await_waiters()
        clock.advance(999_999_999)
        assert len(server.bodies) == 1
        clock.advance(1)
        assert ruling.result().value is True


def test_a_storm_of_errors_ends_after_a_bounded_number_of_calls() -> None:
    with service(refusal(500)) as server:
        clock = SkippingClock()
        judge = judge_of(server, clock=clock, retries=4, longest_wait_s=3.0, give_up_after=2)
        assert judge.ask(question()).why == f"{server.host} answers with status 500 (5 calls)"
        assert clock.waits == [1.0, 2.0, 3.0, 3.0]
        judge.ask(question(1))
        third = judge.ask(question(2))
        assert third.why == f"{server.host} failed 2 questions in a row and is asked no more"
        assert (third.value, len(server.bodies), judge.provenance()[0]["ungraded"]) == (None, 10, 3)


def test_a_success_in_between_begins_the_count_of_failures_anew() -> None:
    with service([refusal(500), RIGHT] * 3) as server:
        judge = judge_of(server, retries=0, give_up_after=2)
        assert [judge.ask(question(n)).value for n in range(6)] == [None, True] * 3


def test_a_service_that_is_down_leaves_the_question_ungraded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        judge = OpenAIJudge(ChatClient(model="m", url=url, limits=Limits(retries=1), clock=SkippingClock()))
        ruling = judge.ask(question())
    assert ruling.value is None
    assert "cannot be reached or broke off (ConnectError) (2 calls)" in ruling.why


def test_a_service_that_never_answers_times_out() -> None:
    done = threading.Event()

    def never(body: dict[str, Any], n: int) -> str:
        done.wait(30)
        return RIGHT

    with service(never) as server:
        ruling = judge_of(server, timeout_s=0.05, retries=1).ask(question())
        done.set()
        assert ruling.why == f"{server.host} did not answer within 0.05 s (2 calls)"


def test_a_reply_that_comes_drop_by_drop_times_out_as_a_whole() -> None:
    class Racing(MonotonicClock):
        """A minute passes with every look."""

        now = 0

        def now_ns(self) -> int:
            self.now += 61 * 10**9
            return self.now

        def wait(self, event: threading.Event, until_ns: int | None) -> bool:
            return False

    with service(RIGHT) as server:
        assert "did not answer within 60 s" in judge_of(server, clock=Racing(), retries=0).ask(question()).why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((200, {}, b"<html>busy</html>"), "sent something that is not JSON"),
        ((200, {}, b'"\xff\xfe"'), "sent something that is not JSON"),
        ((200, {}, b"[" * 100_000), "sent something that is not JSON"),
        ((200, {}, b"[]"), "sent JSON that is no chat reply"),
        ((200, {}, b'{"choices": []}'), "sent JSON that is no chat reply"),
        ((200, {}, b'{"choices": [{"message": "x"}]}'), "sent JSON that is no chat reply"),
        ((200, {"Content-Length": "5000"}, said(RIGHT)), "cannot be reached or broke off (RemoteProtocolError)"),
        ((200, {"Content-Encoding": "gzip"}, b"no gzip"), "cannot be reached or broke off (DecodingError)"),
        ((502, {}, b"\xff bad"), "answers with status 502"),
    ],
)
def test_damaged_replies_are_asked_for_again_and_then_ungraded(answer: Any, why: str) -> None:
    with service(answer) as server:
        ruling = judge_of(server, retries=1).ask(question())
        assert ruling.why == f"{server.host} {why} (2 calls)"
        assert len(server.bodies) == 2


def test_a_huge_reply_is_not_read_to_its_end() -> None:
    packed = gzip.compress(b" " * (MOST_BYTES + 1))
    with service((200, {"Content-Encoding": "gzip"}, packed)) as server:
        assert judge_of(server).ask(question()).why == f"{server.host} sent more than 8 MiB"


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (refusal(401, message=f"Incorrect key {KEY}"), "refuses the key (status 401)"),
        (refusal(403), "refuses the key (status 403)"),
        (refusal(404), "has no model 'judge-1' at /v1/chat/completions"),
        (refusal(400, code="model_not_found"), "has no model 'judge-1'"),
        (refusal(429, code="insufficient_quota"), "says that the quota is used up"),
        ((307, {"Location": "http://127.0.0.1:1/steal"}, b""), "redirects to another address"),
    ],
)
def test_a_judge_that_cannot_be_used_says_so_once_and_is_asked_no_more(answer: Any, what: str) -> None:
    with service(answer) as server:
        judge = judge_of(server, key=True)
        for n in range(3):
            with pytest.raises(AppError) as error:
                judge.ask(question(n))
            assert what in error.value.what
            assert KEY not in str(error.value)
        assert len(server.bodies) == 1


def test_without_a_key_the_error_says_how_to_give_one() -> None:
    with service(refusal(401)) as server, pytest.raises(AppError, match="No key was sent"):
        judge_of(server).ask(question())


def test_the_key_is_in_one_header_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [refusal(400, message=f"bad {KEY}"), (200, {}, said(f"echo {KEY}", model=KEY)), f'{RIGHT} "{KEY}"']
    with service(answers) as server:
        client = client_of(server, key=True)
        judge = OpenAIJudge(client)
        rulings = [judge.ask(question(0)), judge.ask(question(1))]
        shown = [repr(client), repr(judge), repr(rulings), repr(judge.provenance()), caplog.text, judge.name]
        assert not any(KEY in text for text in shown)
        assert "bad [key]" in rulings[0].why
        assert rulings[1].replies[0] == "echo [key]"


def test_a_question_that_the_service_refuses_stays_ungraded_with_its_words() -> None:
    with service(refusal(400, message="context is too long")) as server:
        ruling = judge_of(server).ask(question())
        assert ruling.why == f"{server.host} answers with status 400: context is too long"
        assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'["odd"]', "['odd']"),
        (b'{"error": "flat"}', "flat"),
        (b"plain words", "plain words"),
        (b'{"detail": "why"}', "why"),
        (b"{}", "{}"),
    ],
)
def test_errors_of_any_form_are_shown(body: bytes, message: str) -> None:
    with service((400, {}, body)) as server:
        assert judge_of(server).ask(question()).why == f"{server.host} answers with status 400: {message}"


def test_parameters_that_a_service_refuses_are_left_out_and_told() -> None:
    def strict(body: dict[str, Any], n: int) -> Any:
        if "max_tokens" in body:
            return refusal(400, message="Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
        if "temperature" in body:
            return refusal(400, param="temperature", message="only the default is fine")
        if "seed" in body:
            return refusal(422, message="extra fields not permitted: seed")
        return RIGHT

    with service(strict) as server:
        judge = judge_of(server)
        assert judge.ask(question(max_tokens=9)).value is True
        assert server.bodies[-1] == {
            "model": "judge-1",
            "messages": server.bodies[0]["messages"],
            "max_completion_tokens": 9,
        }
        assert judge.ask(question(1, max_tokens=9)).value is True
        assert len(server.bodies) == 5
        refused = {"max_tokens": "max_completion_tokens", "temperature": "", "seed": ""}
        assert judge.provenance()[0]["refused_parameters"] == refused


def test_a_service_that_refuses_every_form_of_a_parameter_is_asked_a_bounded_number_of_times() -> None:
    def picky(body: dict[str, Any], n: int) -> Any:
        return refusal(400, message=f"Unsupported: {' '.join(body)}")

    with service(picky) as server:
        ruling = judge_of(server).ask(question(max_tokens=9))
        assert ruling.value is None
        assert "max_completion_tokens" not in server.bodies[-1]
        assert len(server.bodies) == 5


def test_another_status_leaves_the_question_ungraded() -> None:
    with service(refusal(413, message="too long")) as server:
        assert judge_of(server).ask(question()).why == f"{server.host} answers with status 413: too long"


def test_a_question_without_a_text_is_not_sent() -> None:
    with service(RIGHT) as server:
        ruling = judge_of(server).ask(question(system="", user=""))
        assert ruling.value is None
        assert "no text to ask with" in ruling.why
        assert server.paths == []
