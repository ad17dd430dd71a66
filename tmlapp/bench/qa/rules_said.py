"""Decides the checks of what the model says, and of how the session fares."""

from __future__ import annotations

import re
from itertools import pairwise

from tmlapp.bench.counting import percentile
from tmlapp.bench.qa.checks import NoError, NoGap, ReplyLatency
from tmlapp.bench.qa.checks_said import CountReaches, CueComes, NeverSays, Says, SaysNumber
from tmlapp.bench.qa.facts import Facts, Said
from tmlapp.bench.qa.outcome import Outcome, Stretch, open_or, passed
from tmlapp.bench.qa.pattern import LONGEST_TEXT
from tmlapp.core.numbers import numbers_in
from tmlapp.core.units import NS_PER_MS

_SHOWN = 60


def says(check: Says, facts: Facts, step: Stretch) -> Outcome:
    texts = facts.said(step.start_ns, step.end_ns)
    found = next((t for t in texts if _holds(check, t)), None)
    if found is not None:
        return Outcome(state="pass", why=f"It said {_quoted(found)}.", at_ns=found.t_ns)
    why = f"None of {len(texts)} texts." if texts else "It said nothing."
    return open_or(step, why, Outcome(state="fail", why=why))


def never_says(check: NeverSays, facts: Facts, step: Stretch) -> Outcome:
    texts = facts.said(step.start_ns, step.end_ns)
    found = next((t for t in texts if _holds(check, t)), None)
    if found is not None:
        return Outcome(state="fail", why=f"It said {_quoted(found)}.", at_ns=found.t_ns)
    why = f"None of {len(texts)} texts." if texts else "It said nothing."
    return open_or(step, why, Outcome(state="pass", why=why, at_ns=step.end_ns))


def says_number(check: SaysNumber, facts: Facts, step: Stretch) -> Outcome:
    found = [
        (t.t_ns, n.value) for t in facts.said(step.start_ns, step.end_ns) for n in numbers_in(t.text[:LONGEST_TEXT])
    ]
    if check.increasing:
        return _counts_up(found, step)
    for t_ns, value in found:
        if check.value in (None, value):
            return Outcome(state="pass", why=f"It said {value}.", value=value, at_ns=t_ns)
    why = f"It said {', '.join(str(v) for _, v in found[-5:])}." if found else "It said no number."
    return open_or(step, why, Outcome(state="fail", why=why))


def _counts_up(found: list[tuple[int, int]], step: Stretch) -> Outcome:
    for (_, before), (t_ns, value) in pairwise(found):
        if value != before + 1:
            return Outcome(state="fail", why=f"{value} came after {before}.", value=value, at_ns=t_ns)
    if len(found) < 2:
        why = f"It said {len(found)} numbers, two are needed."
        return open_or(step, why, Outcome(state="fail", why=why))
    why = f"It counted from {found[0][1]} to {found[-1][1]}."
    return open_or(step, why, Outcome(state="pass", why=why, value=found[-1][1], at_ns=step.end_ns))


def count_reaches(check: CountReaches, facts: Facts, step: Stretch) -> Outcome:
    counts = [(s.value, s.t_ns) for s in facts.said(step.start_ns, step.end_ns) if s.value is not None]
    if not counts:
        return open_or(step, "No count yet.", Outcome(state="fail", why="It said no count."))
    most, t_ns = max(counts, key=lambda c: (c[0], -c[1]))
    why = f"The count reached {most}."
    if most > check.value + check.tolerance:
        return Outcome(state="fail", why=why, value=most, at_ns=t_ns)
    state = passed(most >= check.value - check.tolerance)
    return open_or(step, why, Outcome(state=state, why=why, value=most, at_ns=t_ns))


def cue_comes(check: CueComes, facts: Facts, step: Stretch) -> Outcome:
    found = [s for s in facts.said(step.start_ns, step.end_ns) if s.kind == check.kind]
    n = len(found)
    why = f"It came {n} times." if n != 1 else "It came once."
    if check.at_most is not None and n > check.at_most:
        return Outcome(state="fail", why=why, value=n, unit="times", at_ns=found[check.at_most].t_ns)
    enough = n >= check.at_least
    if enough and check.at_most is None:
        at_ns = found[check.at_least - 1].t_ns if check.at_least else step.start_ns
        return Outcome(state="pass", why=why, value=n, unit="times", at_ns=at_ns)
    over = Outcome(state=passed(enough), why=why, value=n, unit="times", at_ns=step.end_ns)
    return open_or(step, why, over)


def reply_latency(check: ReplyLatency, facts: Facts, step: Stretch) -> Outcome:
    latencies = facts.latencies(step.start_ns, step.end_ns)
    p95 = percentile(latencies, 0.95)
    if p95 is None:
        return open_or(step, "No answer yet.", Outcome(state="undecided", why="No micro-turn was answered."))
    ms = round(p95 / NS_PER_MS, 3)
    why = f"p95 of {len(latencies)} answers is {ms:.1f} ms."
    state = passed(ms <= check.p95_ms)
    return open_or(step, why, Outcome(state=state, why=why, value=ms, unit="ms", at_ns=step.end_ns))


def no_gap(_check: NoGap, facts: Facts, step: Stretch) -> Outcome:
    hole = next((h for h in facts.holes if h[0] <= step.end_ns and h[1] >= step.start_ns), None)
    if hole is not None:
        return Outcome(state="fail", why=hole[2], at_ns=hole[0])
    return open_or(step, "Nothing is lost.", Outcome(state="pass", why="Nothing was lost.", at_ns=step.end_ns))


def no_error(_check: NoError, facts: Facts, step: Stretch) -> Outcome:
    error = next((e for e in facts.errors if step.start_ns <= e[0] <= step.end_ns), None)
    if error is not None:
        return Outcome(state="fail", why=error[1], at_ns=error[0])
    return open_or(step, "No error.", Outcome(state="pass", why="No error was reported.", at_ns=step.end_ns))


def _holds(check: Says | NeverSays, said: Said) -> bool:
    if check.regex is not None:
        return check.regex.search(said.text)
    text = said.text[:LONGEST_TEXT]
    return any(re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) for words in check.any_of)


def _quoted(said: Said) -> str:
    text = " ".join(said.text.split())
    return f"“{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}”"
