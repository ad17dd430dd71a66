"""One small world per suite: truths, a right and a wrong answer to each, and a judge that knows which is which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tmlapp.bench.answer import Answer, ToolUse, Utterance, Word
from tmlapp.bench.judges.base import Question, Ruling
from tmlapp.bench.registry import suites
from tmlapp.bench.suite import Entry, Sources
from tmlapp.core.grade import Grade

Answers = Mapping[str, Answer]
Make = Callable[[int], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How to make items of a suite. `right` and `wrong` give the answers to item `i`, by part."""

    truth: Make
    right: Make
    wrong: Make
    parts: tuple[str, ...] = ("main",)


class Knows:
    """Finds right what holds the word `right`, and gives each kind of verdict its own form."""

    name = "knows"
    parallel = 1

    def ask(self, question: Question) -> Ruling:
        fields = question.fields
        said = fields.get("candidate", fields.get("output_noisy", ""))
        return Ruling(value=_verdict(question, "right" in said), judge=self.name, why="it knows")

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ({"judge": self.name},)


def _verdict(question: Question, right: bool) -> Any:
    kind = question.prompt.kind
    if kind == "fdb-v1/rating":
        return {"analysis": "", "rating": 5 if right else 1}
    if kind == "fdb-v1.5/behaviour":
        wanted = "C_RESPOND" if question.item.startswith("user_interruption") else "C_RESUME"
        return [wanted if right else "C_UNKNOWN"]
    if kind == "proactive-video-qa/score":
        return 3 if right else 1
    if kind.startswith("harmbench/classifier"):
        return not right
    return right


def said(*utterances: tuple[float, str], **more: Any) -> dict[str, Answer]:
    """An answer of utterances, with a time for each word."""
    found = []
    for t, text in utterances:
        words = tuple(Word(t + 0.25 * i, t + 0.25 * i + 0.2, word) for i, word in enumerate(text.split()))
        found.append(Utterance(t, words[-1].t1_s if words else t, text, words))
    every = tuple(word for one in found for word in one.words)
    return {"main": Answer(text=" ".join(text for _, text in utterances), utterances=tuple(found), words=every, **more)}


SUBSETS = ("candor_turn_taking", "candor_pause_handling", "synthetic_user_interruption", "icc_backchannel")
TASKS = ("smooth_turn_taking", "pause_handling", "user_interruption", "backchannel")
SCENARIOS = ("user_interruption", "user_backchannel", "talking_to_other", "background_speech")
CATEGORIES = ("WEB", "EGO", "TV", "VAD")


def _v1_truth(i: int) -> dict[str, Any]:
    task = TASKS[i % 4]
    truth = {"suite": "fdb-v1", "subset": SUBSETS[i % 4], "task": task, "id": str(i), "duration_s": 10.0}
    if task == "smooth_turn_taking":
        return truth | {"turn_end_s": 2.0}
    if task == "user_interruption":
        return truth | {"context": "a", "interrupt": "b", "interrupt_start_s": 1.0, "interrupt_end_s": 2.0}
    return truth


def _v1_right(i: int) -> Answers:
    if TASKS[i % 4] in ("pause_handling", "backchannel"):
        return said((4.0, "mhm"), speech_s=((4.0, 4.5),), duration_s=10.0)
    return said((2.0, "that is right , yes"), duration_s=10.0)


def _v1_wrong(i: int) -> Answers:
    text, t = "well I do not know about it", 3.0 + 0.1 * (i % 7)
    return said((t, text), speech_s=((t, t + 3.5),), duration_s=10.0)


def _v15_truth(i: int) -> dict[str, Any]:
    return {
        "suite": "fdb-v1.5", "scenario": SCENARIOS[i % 4], "id": str(i), "event_s": [4.0, 5.0],
        "duration_s": {"input": 10.0, "clean_input": 8.0},
    }  # fmt: skip


def _v15_answers(text: str) -> dict[str, Answer]:
    one = said(
        (5.2, text), user_text="hello there", user_words=(Word(4.0, 5.0, "hello"),),
        speech_s=((5.2, 6.0),), user_speech_s=((4.0, 5.0),),
    )["main"]  # fmt: skip
    return {"input": one, "clean_input": one}


_CALL = {"function": "track_order", "args": {"order_id": "A1"}}


def _v3_answers(i: int, text: str, *, calls: bool) -> Answers:
    tools = (ToolUse(name="track_order", arguments={"order_id": "A1"}, t0_s=4.0),) if calls else ()
    return said((5.0, text), tools=tools, user_words=(Word(0.0, 3.0 + 0.1 * (i % 5), "please"),))


def _v3_truth(i: int) -> dict[str, Any]:
    return {
        "example_id": str(i), "domain": "shop" if i % 2 else "travel", "difficulty": "easy", "user": "Where is it?",
        "expected_response": "It is on its way.", "expected_tool_calls": [_CALL],
    }  # fmt: skip


def _speak_truth(suite: str) -> Make:
    def truth(i: int) -> dict[str, Any]:
        expectations = [
            {"id": f"e{k}", "cue": {"kind": "time", "t0": t, "t1": t}, "t_ref": t, "window": [t - 0.5, t + 1.5],
             "meaning": "says right", "accept": [], "reject": [], "required": True}
            for k, t in enumerate((6.0, 9.0)[: 1 + i % 2])
        ]  # fmt: skip
        return {
            "schema": "tmlapp.speak_item/1", "suite": suite, "id": f"item-{i}", "category": "ab"[i // 2 % 2],
            "lang": "en", "input": {"audio": "a.wav", "video": None, "duration_s": 12.0},
            "instruction": {"text": "Say it.", "t0": 0.5, "t1": 2.0}, "user_words": [], "stop_t": None,
            "expectations": expectations,
        }  # fmt: skip

    return truth


def _proactive_truth(i: int) -> dict[str, Any]:
    turns = [
        {"content": "a mug", "related_timespan": [t, t + 4.0], "reply_timespan": [t, t + 5.0]}
        for t in (5.0, 20.0)[: 1 + i % 2]
    ]
    return {
        "category": CATEGORIES[i % 4], "question_id": f"q{i}", "video": "v.mp4", "duration": 40.0,
        "question": "What?", "answer": turns,
    }  # fmt: skip


def _ifeval_truth(i: int) -> dict[str, Any]:
    ids = ["punctuation:no_comma", "startend:quotation"][: 1 + i % 2]
    return {"key": i + 1, "prompt": f"Write {i}.", "instruction_id_list": ids, "kwargs": [{} for _ in ids]}


def _text(text: str) -> Make:
    return lambda _: said((1.0, text))


_IFEVAL = World(truth=_ifeval_truth, right=_text('"all is right here"'), wrong=_text("no, it is not"))
_SAYS_RIGHT = _text("this is right")
_SAYS_OTHER = _text("something else")


def _speak(suite: str) -> World:
    return World(
        truth=_speak_truth(suite),
        right=lambda i: said(*((6.0, "right"), (9.0, "right"))[: 1 + i % 2]),
        wrong=lambda i: said(*((6.0, "other"), (9.0, "right" if i % 3 else "other"))[: 1 + i % 2]),
    )


WORLDS: dict[str, World] = {
    "fdb-v1": World(truth=_v1_truth, right=_v1_right, wrong=_v1_wrong),
    "fdb-v1.5": World(
        truth=_v15_truth, parts=("input", "clean_input"),
        right=lambda _: _v15_answers("this is right"), wrong=lambda _: _v15_answers("something else"),
    ),
    "fdb-v3": World(
        truth=_v3_truth, right=lambda i: _v3_answers(i, "this is right", calls=True),
        wrong=lambda i: _v3_answers(i, "something else", calls=False),
    ),
    "audio-multichallenge": World(
        truth=lambda i: {"axis": ("MEMORY", "VOICE")[i % 2], "rubrics": ["r1", "r2"][: 1 + i % 2],
                         "user_turns": ["one", "two"], "assistant_turns": ["reply"], "protocol": "official"},
        right=_SAYS_RIGHT, wrong=_SAYS_OTHER,
    ),
    "bigbench-audio": World(
        truth=lambda i: {"category": ("navigate", "web_of_lies")[i % 2], "official_answer": "Yes"},
        right=_SAYS_RIGHT, wrong=_SAYS_OTHER, parts=("main", "main_2", "main_3"),
    ),
    "ifeval": _IFEVAL,
    "ifeval-voice": _IFEVAL,
    "harmbench": World(
        truth=lambda i: {"behavior": "Draw a cat", "semantic": ("illegal", "harmful")[i % 2]},
        right=_SAYS_RIGHT, wrong=_SAYS_OTHER,
    ),
    "qivd": World(
        truth=lambda i: {"category": ("ocr", "subjective")[i % 2], "timestamp_s": 0.9 + 0.1 * (i % 5),
                         "question": "What?", "answer": "A mug.", "short_answer": "mug"},
        right=_SAYS_RIGHT, wrong=_SAYS_OTHER,
    ),
    "timespeak": _speak("timespeak"),
    "cuespeak": _speak("cuespeak"),
    "repcount-a": World(
        truth=lambda i: {"count": 3, "rep_end_times_s": [2.0, 4.0, 6.0], "duration_s": 8.0,
                         "action": ("squats", "sit-ups")[i % 2]},
        right=lambda _: said((2.1, "one"), (4.1, "two"), (6.1, "three")),
        wrong=lambda i: said((2.1, "one"), (6.3, ("seven", "hello")[i % 2])),
    ),
    "proactive-video-qa": World(
        truth=_proactive_truth, right=lambda _: said((5.0, "right"), (20.0, "right")),
        wrong=lambda i: said((6.0 + 0.1 * (i % 3), "other"), (22.0, "other")),
    ),
    "charades": World(
        truth=lambda i: {"start_s": 3.0, "stop_s": 7.0 + 0.1 * (i % 7), "length_s": 12.0},
        right=lambda i: said((3.0, "start"), (7.0 + 0.1 * (i % 7), "stop")),
        wrong=lambda i: said((6.5, "start"), (10.0 + 0.1 * (i % 3), "stop")),
    ),
    "charades/sta": World(
        truth=lambda i: {"start_s": 3.0, "stop_s": 7.0 + 0.1 * (i % 7), "length_s": 12.0, "sentence": "a person eats"},
        right=lambda i: said((12.0, f"3.0 - {7.0 + 0.1 * (i % 7)!r}")), wrong=_text("from 6.5 to 10 seconds"),
    ),
}  # fmt: skip

SUITES = suites()
PROFILES = [(name, profile) for name in WORLDS if "/" not in name for profile in SUITES[name].profiles]
STATES = ("right", "wrong", "silent", "missing")


def entry(suite: str, profile: str, i: int, state: str) -> Entry:
    """Item `i` of a suite, answered as `state` says."""
    world = WORLDS.get(f"{suite}/{profile}") or WORLDS[suite]
    truth = world.truth(i)
    name = f"{truth.get('scenario', truth.get('category', 'item'))}/{i}"
    if state == "missing":
        return Entry(name, truth, None, {}, "", "the model did not answer")
    if state == "silent":
        silent = Answer(user_text="hello", user_words=(Word(0.0, 1.0, "hello"),), speech_s=(), user_speech_s=())
        given: Answers = dict.fromkeys(world.parts, silent)
    else:
        given = {"right": world.right, "wrong": world.wrong}[state](i)
        given = {part: given.get(part, next(iter(given.values()))) for part in world.parts}
    return Entry(name, truth, next(iter(given.values())).said(), given)


def entries(suite: str, profile: str, states: Sequence[str]) -> list[Entry]:
    """One item per state."""
    return [entry(suite, profile, i, state) for i, state in enumerate(states)]


def grade(suite: str, listed: Sequence[Entry], profile: str, **params: Any) -> Grade:
    """A grade by the judge that knows."""
    return SUITES[suite].grade(listed, profile=profile, params=params, sources=Sources(judge=Knows()))
