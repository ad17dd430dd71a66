"""What the model can be asked to do: task options, the rules that recognise an instruction, and the vocabulary."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from models.tiny.train.config import MAX_COUNT


class Task(IntEnum):
    """Values of the `task` input; the names are the manifest's options."""

    none = 0
    count_reps = 1
    start_stop = 2
    every_n_seconds = 3
    once_after_n = 4
    timer = 5
    beat = 6
    count_to = 7
    count_down = 8
    paused = 9
    """Silent; the task before it is kept (the app's reserved name)."""
    go_on = 10
    """Never given to the graph: the app gives the task before the pause again."""


PARAMS = ("period_s", "period_min", "until_s", "until_min", "number", "elapsed_s", "since_turn")
"""The last two are the app's reserved names: how long ago the instruction ended, and which instruction it was."""

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


REMINDERS = (
    *("breathe", "breathe in", "breathe out", "breathe in and out", "take a breath", "take a deep breath"),
    *("drink", "drink water", "drink some water", "drink a glass of water", "have a drink", "hydrate"),
    *("sit up", "sit up straight", "sit straight", "stand up", "sit down", "check my posture", "check your posture"),
    *("relax", "relax your shoulders", "relax my shoulders", "drop your shoulders", "unclench your jaw", "slow down"),
    *("stretch", "stretch your legs", "move", "walk around", "take a walk", "take a break", "take a short break"),
    *("blink", "look away", "look up", "look out of the window", "rest your eyes", "close your eyes", "smile"),
    *("switch", "switch sides", "change sides", "turn around", "go", "next", "hello", "left", "right", "up", "down"),
    *(
        "hold",
        "push",
        "jump",
        "inhale",
        "exhale",
        "in",
        "out",
        "focus",
        "rest",
        "check the oven",
        "take my medicine",
        "beep",
    ),
    *("tick", "ping", "keep going", "well done", "stay awake", "speak up", "breathe in through your nose"),
)
"""What people ask to be reminded of, recorded so that it sounds where no speech engine is installed."""


def reminder_file(text: str) -> str:
    return f"phrases/reminders/{text.replace(' ', '-')}.wav"


# Numbers come as digits: the manifest asks for the app's reading of spoken numbers ("half a minute" is "30 seconds").
# More than 0: a reminder every 0 seconds is not understood, instead of never said.
NUMBER = r"(?=[0-9.]*[1-9])[0-9]*\.?[0-9]+"
SECONDS, MINUTES = r"[ -]?s(?:ec(?:ond)?s?)?\b", r"[ -]?m(?:in(?:ute)?s?)?\b"


def length(prefix: str) -> str:
    """A length of time, in the groups `prefix_s` or `prefix_min`."""
    return rf"(?:(?P<{prefix}_s>{NUMBER}){SECONDS}|(?P<{prefix}_min>{NUMBER}){MINUTES})"


POLITE = r"(?:(?:okay|ok|now|thanks|thank you|and),? )?(?:please )?"
END = r"(?:,? (?:now|please|for now)){0,2}[ .!]{0,4}$"
WHAT = r"(?: it| that| this| all| everything| (?:the|my) \w+| counting| reminding me| talking| speaking)?"
STOP = (
    rf"^{POLITE}(?:stop|quiet|silence|enough|cancel|quit|never ?mind|shut up|be (?:quiet|silent)"
    rf"|that(?:'s| is|s) (?:enough|it|all)|that(?:'ll| will) do|no more|you can (?:stop|rest)){WHAT}(?: now| please)?"
    rf"(?: (?:talking|speaking|saying|counting|reminding|telling)\b.*)?{END}"
)
PAUSE = rf"^{POLITE}(?:pause|hold on|hold it|wait){WHAT}(?: a (?:moment|second|minute))?{END}"
GO_ON = rf"^{POLITE}(?:go on|go ahead|resume|continue|carry on|keep going|proceed)(?: with)?{WHAT}{END}"

ASK_ME = r"(?:(?:remind|tell|ask|warn) me|let me know|(?:give|send) me a reminder|(?:set|make) a reminder)"
ASK = rf"\b(?:{ASK_ME}|say|repeat)(?: to| that| about)?,? "
CONTENT = r"(?P<content>\S.*?)"
OPEN_END = r"(?:,? (?:until|till) (?:i|you|we) .*)?"
LAST = rf"{CONTENT}{OPEN_END}$"
EVERY = rf"every {length('period')}"
UNTIL = rf",? (?:until|till|for|(?:and )?(?:then )?stop after)(?: the next)? {length('until')}"
AT_FIRST = rf"\bfor (?:the next )?{length('until')},? (?:please )?"
TO = r",? (?:to|that|about) "
WAIT = length("period")

UP_TO = r"(?P<number>1[0-9]{2}|[1-9][0-9]?)\b"
"""Numbers that can be said."""
COUNT_UP = rf"count (?:up )?(?:from 1 )?to {UP_TO}"
COUNT_DOWN = rf"count ?(?:back(?:wards)?|down)? ?from {UP_TO}"
REPS = (
    r"(?:tally|(?:count|number|keep count of|keep track of)(?: out)?(?: loud| aloud)?(?: reps| repetitions)?"
    r"(?: for| of)?(?: how many| every| each| all)?(?: my| the| his| her| their)?)"
)
ACTION = r"(?P<action>\S.*?)[ .!?]{0,4}$"
COUNT_ON = r"count(?: up| (?:the )?seconds| numbers)"
STEP = rf",? (?:1 |a number )?(?:every|with) {WAIT}(?: (?:in )?between.*)?"
ALOUD = r"(?: aloud| out loud)?"
NO_NUMBERS = r"(?!(?:(?:up|down|back|backwards) )?(?:to|from) [0-9])"

EXAMPLES = (
    "Please count out reps for squats.",
    "Say 'start' when the person starts waving then say 'Stop' when they stop.",
    "Remind me to breathe in and out every 4 seconds until I ask you to stop.",
    "In 10 seconds tell me to drink.",
    "Count to ten every two seconds.",
    "Stop.",
)
"""Shown to the operator."""

Rule = dict[str, Any]


def rule(match: str, option: Task) -> Rule:
    """A rule whose groups fill the task parameters of the same name."""
    params = {name: name for name in PARAMS if f"(?P<{name}>" in match}
    out: Rule = {"match": match, "option": int(option)}
    return {**out, "params": params} if params else out


def series_rules() -> list[Rule]:
    """Reminders that repeat, in the usual word orders; those with an end come first, so that it is never overlooked."""
    forms = (
        rf"{AT_FIRST}{ASK}{CONTENT},? {EVERY}",
        rf"{AT_FIRST}{EVERY},? (?:please )?{ASK}{LAST}",
        rf"{ASK}{CONTENT},? {EVERY}{UNTIL}",
        rf"\b{ASK_ME},? {EVERY}{UNTIL}{TO}{LAST}",
        rf"\b{ASK_ME},? {EVERY}{TO}{CONTENT}{UNTIL}",
        rf"\b{EVERY}{UNTIL},? (?:please )?{ASK}{LAST}",
        rf"\b{EVERY},? (?:please )?{ASK}{CONTENT}{UNTIL}",
        rf"{ASK}{CONTENT},? {EVERY}",
        rf"\b{ASK_ME},? {EVERY}{TO}{LAST}",
        rf"\b{EVERY},? (?:please )?{ASK}{LAST}",
    )
    beats = (rf"\b{EVERY}{UNTIL}[ .!]*$", rf"\b{EVERY}{OPEN_END}[ .!]*$")
    return [*(rule(form, Task.every_n_seconds) for form in forms), *(rule(form, Task.beat) for form in beats)]


def once_rules() -> list[Rule]:
    """One reminder after some time, and plain timers."""
    found = []
    for when in (rf"(?:in|after) {WAIT}", rf"when {WAIT} (?:have passed|has passed|(?:are|is) (?:over|up))"):
        found += [
            rule(rf"^{POLITE}(?:{ASK_ME}|(?:notify|alert|wake) me)(?: up)?,? {when}[ .!]{{0,3}}$", Task.timer),
            rule(rf"\b{ASK_ME},? {when}{TO}{LAST}", Task.once_after_n),
            rule(rf"{ASK}{CONTENT},? {when}", Task.once_after_n),
            rule(rf"\b{when},? (?:please )?{ASK}{LAST}", Task.once_after_n),
        ]
    return [*found, rule(rf"\btimer:? (?:for |of )?{WAIT}", Task.timer), rule(rf"\b{WAIT} timer\b", Task.timer)]


def count_rules() -> list[Rule]:
    """Numbers said one after the other; a step that is not understood must not become one second."""
    found = []
    for count, option in ((COUNT_UP, Task.count_to), (COUNT_DOWN, Task.count_down)):
        found += [
            rule(rf"^{POLITE}{count}{ALOUD}{STEP}", option),
            rule(rf"^{POLITE}{EVERY},? {count}", option),
            rule(rf"^{POLITE}{count}(?!.*\b(?:every|each|between)\b)", option),
        ]
    on = (rf"{COUNT_ON}{ALOUD}{END}", rf"(?:{COUNT_ON}|count){ALOUD}{STEP}{END}")
    return [*found, *(rule(rf"^{POLITE}{form}", Task.count_to) for form in on)]


def all_rules() -> list[Rule]:
    """Every rule in the order of trial."""
    return [
        rule(STOP, Task.none),
        rule(PAUSE, Task.paused),
        rule(GO_ON, Task.go_on),
        rule(r"\bsay\b.{0,3}\bstart\b.{0,3}(?:when|as soon as|once|if) .+", Task.start_stop),
        rule(r"\b(?:tell|notify) me when .+\b(?:starts?|begins?)\b.+\b(?:stops?|ends?|finish\w*)\b", Task.start_stop),
        *count_rules(),
        *series_rules(),
        *once_rules(),
        rule(rf"^{POLITE}{REPS} {NO_NUMBERS}{ACTION}", Task.count_reps),
        rule(rf"\bcount {NO_NUMBERS}{ACTION}", Task.count_reps),
    ]


UNTIL_END = {"until": {"until_s": 1, "until_min": 60}, "period": {"period_s": 1, "period_min": 60}}
ENDS: dict[str, dict[str, Any]] = {
    Task.once_after_n.name: {"said": 1},
    Task.timer.name: {"said": 1},
    Task.count_to.name: {"number": "number"},
    Task.count_down.name: {"number": "number", "said": 1},
    Task.every_n_seconds.name: UNTIL_END,
    Task.beat.name: UNTIL_END,
}
"""When a task is over by itself; then anything may be asked for again."""
