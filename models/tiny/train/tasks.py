"""What the model can be asked to do: task options, the rules that recognise an instruction, and the vocabulary."""

from __future__ import annotations

from enum import IntEnum
from itertools import product
from typing import Any

from models.tiny.train.config import MAX_COUNT


class Task(IntEnum):
    """Values of the `task` input; the names are the manifest's options."""

    none = 0
    count_reps = 1
    start_stop = 2
    every_n_seconds = 3
    every_second = 4
    every_minute = 5
    once_after_n = 6
    once_after_a_minute = 7
    timer = 8
    timer_of_a_minute = 9
    beat = 10
    count_to = 11
    count_down = 12


PARAMS = ("period_s", "period_min", "until_s", "until_min")

UNITS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def number_words(n: int) -> str:
    """1..199 in words, as the counting benchmarks' parser reads them back: "one hundred twenty-one"."""
    if n >= 100:
        return "one hundred" if n == 100 else f"one hundred {number_words(n - 100)}"
    if n < 20:
        return UNITS[n - 1]
    tens = TENS[n // 10 - 2]
    return tens if n % 10 == 0 else f"{tens}-{UNITS[n % 10 - 1]}"


SAY_START = MAX_COUNT + 1
SAY_STOP = MAX_COUNT + 2
SAY_CONTENT = MAX_COUNT + 3
SAY_NOW = MAX_COUNT + 4
SAY_TIME_UP = MAX_COUNT + 5
VOCABULARY = [
    "",
    *(number_words(n) for n in range(1, MAX_COUNT + 1)),
    "start",
    "stop",
    "{content}",
    "now",
    "time is up",
]


def phrase_file(text: str) -> str | None:
    """Recording of a phrase, none for silence and for open content."""
    return None if not text or "{" in text else f"phrases/{text.replace(' ', '-')}.wav"


# The app bounds what a rule may cost: three open repeats and a million combinations of choices at most.
NUMBER = r"[0-9.]+"
SECONDS, MINUTES = r"[ -]?s(?:ec(?:ond)?s?)?\b", r"[ -]?m(?:in(?:ute)?s?)?\b"
ASK_ME = r"(?:remind|tell|ask|warn) me"
ASK = rf"\b(?:{ASK_ME}|say|repeat)(?: to| that| about)?,? "
CONTENT = r"(?P<content>\S.*?)"
LAST = r"(?P<content>\S.*?)(?:,? (?:until|till) (?:i|you|we) .*)?$"
LAST_PLAIN = r"(?P<content>\S.*)$"
STOP = (
    r"^(?:(?:okay|ok|now|thank you),? )?(?:please )?"
    r"(?:stop|quiet|silence|enough|cancel|never ?mind|shut up|be (?:quiet|silent)|that(?:'s| is|s) (?:enough|it|all)"
    r"|you can (?:stop|rest))(?: it| that| all)?(?: now| please)?"
    r"(?: (?:talking|speaking|saying|counting|reminding|telling)\b.*)?[ .!]{0,4}$"
)
COUNT = (
    r"(?:count|number|keep count of|keep track of)(?: out)?(?: loud| aloud)?(?: reps| repetitions)?"
    r"(?: for| of)?(?: how many| every| each| all)?(?: my| the| his| her| their)?"
)

EXAMPLES = (
    "Please count out reps for squats.",
    "Say 'start' when the person starts waving then say 'Stop' when they stop.",
    "Remind me to breathe in and out every 4 seconds until I ask you to stop.",
    "In 10 seconds tell me to drink.",
    "Stop.",
)
"""Shown to the operator."""

Rule = dict[str, Any]


def lengths(prefix: str) -> list[tuple[str, dict[str, str]]]:
    """Plain lengths of time, each with the task parameter that its group fills."""
    s, m = f"{prefix}_s", f"{prefix}_min"
    return [(rf"(?P<{s}>{NUMBER}){SECONDS}", {s: s}), (rf"(?P<{m}>{NUMBER}){MINUTES}", {m: m})]


def mixed(prefix: str) -> tuple[str, dict[str, str]]:
    """ "1 minute and 30 seconds"."""
    s, m = f"{prefix}_s", f"{prefix}_min"
    return rf"(?P<{m}>{NUMBER}){MINUTES} (?:and )?(?P<{s}>{NUMBER}){SECONDS}", {m: m, s: s}


def rule(match: str, option: Task, params: dict[str, str] | None = None) -> Rule:
    out: Rule = {"match": match, "option": int(option)}
    if params:
        out["params"] = params
    return out


def series_rules() -> list[Rule]:
    """Reminders that repeat, in the usual word orders; those with an end come first, so that it is never overlooked."""
    named: list[tuple[str, Task, dict[str, str]]] = [
        ("(?:every|each) second\\b", Task.every_second, {}),
        ("(?:every|each|once a) minute\\b", Task.every_minute, {}),
    ]
    plain = [(rf"every {text}", Task.every_n_seconds, params) for text, params in lengths("period")]
    ends = [(rf",? (?:until|till|for)(?: the next)? {text}", params) for text, params in lengths("until")]
    found = []
    for (every, option, params), (end, end_params) in product(plain + named, ends):
        both = {**params, **end_params}
        found += [
            rule(rf"{ASK}{CONTENT},? {every}{end}", option, both),
            rule(rf"\b{every}{end},? (?:please )?{ASK}{LAST_PLAIN}", option, both),
            rule(rf"\b{every},? (?:please )?{ASK}{CONTENT}{end}", option, both),
        ]
    text, both = mixed("period")
    for every, option, params in [(rf"every {text}", Task.every_n_seconds, both), *plain, *named]:
        found.append(rule(rf"{ASK}{CONTENT},? {every}", option, params))
        last = LAST_PLAIN if len(params) > 1 else LAST
        found.append(rule(rf"\b{ASK_ME},? {every},? (?:to|that|about) {last}", option, params))
        found.append(rule(rf"\b{every},? (?:please )?{ASK}{last}", option, params))
    for (every, _, params), (end, end_params) in product(plain, [*ends, ("", {})]):
        found.append(rule(rf"\b{every}{end}[ .!]*$", Task.beat, {**params, **end_params}))
    return found


def once_rules() -> list[Rule]:
    """One reminder after some time, and plain timers."""
    waits = [(text, Task.once_after_n, params) for text, params in [mixed("period"), *lengths("period")]]
    waits.append((r"(?:a|1) minute\b", Task.once_after_a_minute, {}))
    found = []
    for text, option, params in waits:
        timer = Task.timer if option is Task.once_after_n else Task.timer_of_a_minute
        last = LAST_PLAIN if len(params) > 1 else LAST
        passed = " (?:have passed|has passed|are over|is over)"
        for before, after in (("(?:in|after) ", ""), ("when ", passed)):
            when = before + text + after
            found += [
                rule(rf"^(?:please )?(?:tell|warn|notify) me,? {when}[ .!]{{0,3}}$", timer, params),
                rule(rf"{ASK}{CONTENT},? {when}", option, params),
                rule(rf"\b{when},? (?:please )?{ASK}{last}", option, params),
            ]
        found += [rule(form.format(text), timer, params) for form in (r"\btimer (?:for|of) {0}", r"\b{0} timer\b")]
    return found


def all_rules() -> list[Rule]:
    """Every rule in the order of trial."""
    number = {"period_s": "period_s"}
    return [
        rule(STOP, Task.none),
        rule(r"\bsay\b.{0,3}\bstart\b.{0,3}(?:when|as soon as|once|if) .+", Task.start_stop),
        rule(r"\b(?:tell|notify) me when .+\b(?:starts?|begins?)\b.+\b(?:stops?|ends?|finish\w*)\b", Task.start_stop),
        rule(r"^(?:please )?count (?:up )?(?:from 1 )?to (?P<period_s>[0-9]+)\b", Task.count_to, number),
        rule(r"^(?:please )?count (?:back(?:wards)? |down )?from (?P<period_s>[0-9]+)\b", Task.count_down, number),
        *series_rules(),
        *once_rules(),
        rule(rf"^(?:please )?(?:tally|{COUNT}) (?P<action>\S.*?)[ .!?]{0, 4}$", Task.count_reps),
        rule(r"\bcount (?P<action>\S.*?)[ .!?]{0,4}$", Task.count_reps),
    ]
