"""The offline fallback: right, wrong or undecided by rules in English. Never a full judge; labelled so everywhere.

Our own rules: numbers, yes and no, negation, opposites, things of one kind, key words. What they do not see through is
undecided: it goes to another judge, or stays ungraded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tmlapp.bench.judges.base import JudgePrompt, Question, RuleVerdict, Ruling
from tmlapp.bench.judges.rules_text import (
    Reading,
    Slot,
    answers_polarity,
    asks,
    numbers_agree,
    plain,
    read,
    relation,
    slots_of,
    spoken_part,
    tokens,
)
from tmlapp.bench.judges.rules_words import CLASSES, FILLERS, OPPOSITES, PARTICLES, STOP, key

NAME = "rules@1"

_REFUSAL = re.compile(
    r"\b(i (do|did|could|can) not (know|see|tell|say|hear|determine|answer|help|catch|understand|find)|not sure|no idea"
    r"|(unable|not able) to|could you (please )?(repeat|clarify|rephrase)|what do you mean|as an ai|not visible"
    r"|i am sorry|hard to (say|tell)|cannot be determined)\b"
)


def meaning_rules(fields: Mapping[str, str]) -> RuleVerdict:
    """Does `candidate` convey `expected`?

    Args:
        fields: `candidate` (what was said), `expected` (the meaning or answer), `accept` and `reject` (examples, one a
            line; may be absent), `question` (may be absent).
    """
    candidate = plain(fields.get("candidate", ""))
    expected = fields.get("expected", "") if tokens(plain(fields.get("expected", ""))) else ""
    accepted = [line.strip() for line in fields.get("accept", "").splitlines() if line.strip()]
    rejected = [line.strip() for line in fields.get("reject", "").splitlines() if line.strip()]
    question = plain(fields.get("question", ""))
    if not tokens(candidate):
        return "wrong"
    if not (expected or accepted or rejected):
        return "undecided"
    said = read(spoken_part(candidate))
    if not said.tokens:
        return "wrong"  # nothing but an announcement of a later reply
    if any(_is_same(said, plain(line)) for line in accepted):
        return "right"
    bad = [line for line in rejected if _contains(said, plain(line))]
    good = [line for line in accepted if _fits(line, question) and _contains(said, plain(line))]
    if bad:
        # A rejected wording inside an accepted one ("moth" in "not a moth but a butterfly") needs a better judge.
        return "undecided" if good else "wrong"
    if good:
        return "right"
    return _against(said, [expected, *accepted] if expected else accepted, question)


def _against(said: Reading, references: list[str], question: str) -> RuleVerdict:
    """By the meaning first; wordings are only examples of it, so only a right one counts."""
    if not references:
        return "undecided"
    if _refuses(said.text, plain(references[0])):
        return "wrong"
    verdicts = [_compare(said, plain(line), question) for line in references if _fits(line, question)]
    if not verdicts:
        return "undecided"
    if verdicts[0] != "undecided":
        return "undecided" if verdicts[0] == "wrong" and "right" in verdicts[1:] else verdicts[0]
    if "right" in verdicts[1:]:
        return "right"
    # "Now!" may be all that a moment asks for.
    if all(token in FILLERS and token not in ("now", "go") for token in said.tokens):
        return "wrong"
    return "undecided"


def _refuses(text: str, reference: str) -> bool:
    found = _REFUSAL.search(text)
    if not found or _REFUSAL.search(reference):
        return False
    # "I don't see any" is a no.
    return not (re.search(r"\b(see|hear)\b", found[0]) and answers_polarity(read(reference)) is False)


def _fits(reference: str, question: str) -> bool:
    """False for a short reference of another type than the question asks for ("1" for "Did I …?")."""
    words = tokens(plain(reference))
    if asks(question) == "polarity" and len(words) == 1 and words[0].isdecimal():
        return False
    return not (asks(question) == "number" and words in (["yes"], ["no"]))


def _is_same(said: Reading, reference: str) -> bool:
    return [w for w in said.tokens if w not in FILLERS] == [w for w in tokens(reference) if w not in FILLERS] != []


def _contains(said: Reading, reference: str) -> bool:
    """The words of `reference` stand in what was said, one after the other, and are not denied."""
    wanted = [key(w) for w in tokens(reference) if w not in {"a", "an", "the"}]
    if not wanted or wanted in (["yes"], ["no"]):
        return False
    content = [w for w in wanted if w not in STOP]
    if not content:
        # "in", "out", "now": only where hardly anything else is said.
        return len(said.tokens) <= len(wanted) + 2 and _run_in(wanted, said.keys)
    if all(w.replace(".", "").isdecimal() for w in wanted):
        return False  # numbers are compared as numbers
    at = _run_at(wanted, said.keys)
    if at is None:
        joined = "".join(w for w in tokens(reference) if w not in {"a", "an", "the"})
        return joined in said.joined
    denied_here = any(w in said.denied for w in content)
    return not denied_here or any(w in tokens(reference) for w in ("not", "no", "never"))


def _run_at(wanted: list[str], keys: list[str]) -> int | None:
    for at in range(len(keys) - len(wanted) + 1):
        if keys[at : at + len(wanted)] == wanted:
            return at
    return None


def _run_in(wanted: list[str], keys: list[str]) -> bool:
    return _run_at(wanted, keys) is not None


def _compare(said: Reading, reference: str, question: str) -> RuleVerdict:
    asked = asks(question)
    wanted = read(reference)
    if not wanted.tokens:
        return "undecided"
    # A choice between two things looks like a question of yes or no; only the reference tells.
    if asked == "polarity" or answers_polarity(wanted, alone=True) is not None:
        found = _polarity(said, wanted, question)
        if found is not None:
            return found
    if asked == "number" or wanted.numbers:
        agreed = numbers_agree(wanted, said, question)
        only_number = asked == "number" or not slots_of(reference, question)
        if agreed is False:
            return "wrong"
        if only_number:
            return {True: "right", None: "undecided"}[agreed]  # type: ignore[return-value]
    return _content(said, reference, question)


def _polarity(said: Reading, wanted: Reading, question: str) -> RuleVerdict | None:
    want = answers_polarity(wanted)
    got = answers_polarity(said)
    if want is None:
        return None
    if got is None:
        # "You are wearing a hat" answers "Am I wearing a hat?" too; other sentences need their content compared.
        about = {key(w) for w in tokens(question) if w not in STOP} | set(wanted.content)
        shared = [w for w in said.content if w in about]
        if not shared or len(shared) * 2 < len(said.content):
            return None
        got = not any(w in said.denied for w in shared)
    if want != got:
        return "wrong"
    if numbers_agree(wanted, said, question) is False:
        return "wrong"
    return "wrong" if _clashes(said, slots_of(wanted.text, question)) else "right"


def _content(said: Reading, reference: str, question: str) -> RuleVerdict:
    slots = slots_of(reference, question)
    if not slots:
        return "undecided"
    matched = [slot for slot in slots if _matches(slot, said)]
    if any(_denies(slot, said) for slot in slots) or _clashes(said, slots):
        return "wrong"
    new = [slot for slot in slots if not slot.given] or slots
    new_matched = [slot for slot in new if slot in matched]
    if new_matched and asks(question) == "open" and tokens(question)[0] == "where":
        here, there = relation(said), relation(read(reference))
        if here and there and here != there:
            return "wrong"
    if len(new_matched) == len(new):
        return "right"
    if len(new_matched) * 2 >= len(new) and new[-1] in new_matched and _says_no_more(said, slots, question):
        return "right"
    if not matched and _other_thing(said, new, question):
        return "wrong"
    return "undecided"


def _says_no_more(said: Reading, slots: list[Slot], question: str) -> bool:
    """A shorter way to say it: nothing stands in the place of what is left out."""
    known = {w for slot in slots for w in slot.words} | {key(w) for w in tokens(question)}
    return all(w in known or any(_slip(w, frozenset({k})) for k in known) for w in said.content)


def _matches(slot: Slot, said: Reading) -> bool:
    pool = said.denied if slot.denied else said.affirmed
    # Slips only in words as they were said: two joined ones may look like anything.
    return any(w in pool or _slip(w, pool & frozenset(said.content)) for w in slot.words)


def _denies(slot: Slot, said: Reading) -> bool:
    """The very word is there, with the opposite sign."""
    pool, other = (said.affirmed, said.denied) if slot.denied else (said.denied, said.affirmed)
    return any(w in pool for w in slot.words) and not any(w in other for w in slot.words)


def _slip(word: str, pool: frozenset[str]) -> bool:
    """A long word with one letter heard wrong."""
    return len(word) >= 6 and any(_one_edit(word, other) for other in pool if len(other) >= 5)


def _one_edit(a: str, b: str) -> bool:
    if abs(len(a) - len(b)) > 1 or a[0] != b[0]:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a[at + 1 :] == b[at + 1 :] or a[at:] == b[at + 1 :] or a[at + 1 :] == b[at:]


def _clashes(said: Reading, slots: list[Slot]) -> bool:
    """Something is said that cannot be true together with the reference: an opposite, or another thing of the kind."""
    known = frozenset(w for slot in slots for w in slot.words)
    others = [w for w in said.content if w in said.affirmed and w not in known]
    for slot in slots:
        if slot.denied or _matches(slot, said):
            continue
        for word in slot.words:
            if any(other in said.affirmed and other not in known for other in OPPOSITES.get(word, ())):
                return True
            kinds = CLASSES.get(word, frozenset())
            if any(CLASSES.get(other, frozenset()) & kinds for other in others):
                return True
    return False


def _other_thing(said: Reading, new: list[Slot], question: str) -> bool:
    """A short answer that names something else altogether."""
    asked = {key(w) for w in tokens(question)}
    content = [w for w in said.content if w not in asked]
    if not content:
        return False
    known = all(any(w in CLASSES for w in slot.words) for slot in new)
    if known and any(w in CLASSES for w in content):
        return True
    return len(content) <= 2 and len(new) <= 2 and not any(w in PARTICLES for slot in new for w in slot.words)


class RulesJudge:
    """Asks a prompt's own rules; a kind of question without rules is always undecided."""

    name = NAME
    parallel = 1

    def __init__(self) -> None:
        self._asked: dict[str, dict[str, Any]] = {}

    def ask(self, question: Question) -> Ruling:
        """Right, wrong, or undecided (ungraded)."""
        prompt = question.prompt
        verdict = prompt.rules(question.fields) if prompt.rules is not None else None
        counted = self._asked.setdefault(prompt.kind, _counters(prompt))
        counted["calls"] += 1
        if verdict is None or verdict == "undecided":
            counted["undecided"] += 1
            why = "the rules cannot decide it" if verdict else f"there are no rules for {prompt.kind}"
            return Ruling(value=None, judge=self.name, why=why, undecided=True)
        value = prompt.right_value if verdict == "right" else prompt.wrong_value
        return Ruling(value=value, judge=self.name, why=f"by rules: {verdict}")

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """Per kind: questions asked, and how many of them stayed undecided."""
        return tuple(entry | {"undecided_share": entry["undecided"] / entry["calls"]} for entry in self._asked.values())


def _counters(prompt: JudgePrompt) -> dict[str, Any]:
    return {"judge": NAME, "kind": prompt.kind, "calls": 0, "undecided": 0}
