"""How `rules` reads a sentence: plain words, numbers, what is denied, what a question asks for."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tmlapp.bench.judges.rules_words import FILLERS, NEGATORS, NO, OPPOSITES, PARTICLES, PATTERNS, STOP, YES, key
from tmlapp.core.numbers import numbers_in

_TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+|[.,;:!?]")
_MARKS = frozenset(".,;:!?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_SCALES = {"thousand": 1000, "million": 10**6, "billion": 10**9}
_SCALED = re.compile(r"\b(\d{1,12}(?:\.\d{1,12})?) (thousand|million|billion)")
_PRONOUN_ONE = re.compile(
    r"\b(which|no|any|every|each|another|other|next|last|first|third|left|right|big|small|large"
    r"|red|blue|green|yellow|black|white|orange|pink|brown|grey|gray|purple)( \w+)? one\b|\bone of\b|\bone another\b"
    r"|\b(this|that|the) one\b(?= (?:is|was|has|looks|on|with)\b|[.,!?]|$)"
)
_AUX = r"(?:is|are|was|were|am|do|does|did|can|could|will|would|has|have|had|should)"
_FRAME = re.compile(
    r"^(?:the |it |model |assistant |reply |answer |response |should |must )*"
    r"(?:give|tell|say|remind|name|state|announce|inform|warn|mention|point out|call out|report|count|translate"
    r"|confirm|let|notif[yi]e?|suggest|ask|correct|prompt|instruct)s?"
    r"(?: (?:the|this)?\s?(?:user|speaker|person|them|him|her|you))?"
    r"(?: know)?(?: (?:to|that|of|about|by|for|it|is|are|time|the|a|an|now|there|loud|aloud|out"
    r"|(?:english|correct|right|original|proper|spanish|french|german|italian) (?:word|term|name|translation)"
    r"|word|number|count|answer|result|name|fact|words|phrase|moment|has come))*(?=\s|$|:)"
)
_ANNOUNCE = re.compile(
    r"\b(?:i will|i am going to|i shall|let me|i can)\b(?: \w+){0,3}? "
    r"(?:remind|tell|let you know|count|say|give|call|warn|alert|notify|correct|translate|do that|help|keep|start|begin"
    r"|speak|watch|listen|set|check|ring|point|answer)\b|\bi will[.!]?$"
)
_CORRECTED = re.compile(
    r"\b(?:no wait|wait no|oh wait|wait|scratch that|i mean|correction|i meant|or rather|actually no|no actually"
    r"|sorry i mean)\b"
)


def plain(text: str) -> str:
    """Lower case without accents, short forms written out, number words as digits."""
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(c for c in text if not unicodedata.combining(c)).replace("’", "'").replace("‘", "'")
    text = _THOUSANDS.sub("", text)
    for pattern, to in PATTERNS:
        text = pattern.sub(to, text)
    return _SCALED.sub(lambda m: _written(float(m[1]) * _SCALES[m[2]]), _digits(text))


def _digits(text: str) -> str:
    pronouns = [m.end() for m in _PRONOUN_ONE.finditer(text) if m.group().endswith("one")]
    pronouns += [m.start() + 3 for m in _PRONOUN_ONE.finditer(text) if m.group().startswith("one")]
    for number in reversed(numbers_in(text, idioms=True)):
        word = text[number.start : number.end]
        if not word.isdecimal() and number.end not in pronouns:
            text = f"{text[: number.start]}{number.value}{text[number.end :]}"
    return text


def _written(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def tokens(text: str) -> list[str]:
    """Words and numbers of a plain text, without marks."""
    return [w for w in _TOKEN.findall(text) if w not in _MARKS]


@dataclass(frozen=True, slots=True)
class Slot:
    """A key word of a reference: any of `words` fills it. `given`: the question says it already."""

    words: frozenset[str]
    denied: bool = False
    given: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence says: words in order, their keys, which of them it affirms and denies, its numbers."""

    text: str
    tokens: list[str]
    keys: list[str]
    content: list[str]
    affirmed: frozenset[str]
    denied: frozenset[str]
    numbers: list[float]
    joined: frozenset[str]


def read(text: str) -> Reading:
    """Read a plain text."""
    words = _TOKEN.findall(text)
    affirmed: set[str] = set()
    denied: set[str] = set()
    content: list[str] = []
    for i, word in enumerate(words):
        if not _counts(words, i):
            continue
        name = key(word)
        content.append(name)
        if _is_denied(words, i):
            denied.add(name)
            # "not closed" is open; where a word has several opposites, none is certain.
            if len(OPPOSITES.get(name, ())) == 1:
                affirmed |= OPPOSITES[name]
        else:
            affirmed.add(name)
    kept = [w for w in words if w not in _MARKS]
    affirmed |= {key(a + b) for a, b in pairwise(kept)}
    return Reading(
        text=text,
        tokens=kept,
        keys=[key(w) for w in kept if w not in {"a", "an", "the"}],
        content=content,
        affirmed=frozenset(affirmed),
        denied=frozenset(denied - affirmed),
        numbers=[float(w) for w in kept if w[0].isdecimal()],
        joined=frozenset("".join(kept[i : i + n]) for n in (1, 2, 3) for i in range(len(kept) - n + 1)),
    )


def _counts(words: list[str], i: int) -> bool:
    """Whether a word carries meaning here: particles only after their verb ("breathe in", not "in the room")."""
    word = words[i]
    if word in _MARKS or word[0].isdecimal():
        return False
    if word in PARTICLES:
        after = words[i + 1] if i + 1 < len(words) else "."
        sides = {"left", "right", "inside", "outside"}
        leads = i == 0 and word == "right" and len(words) > 1
        return not leads if word in sides else after not in _BEFORE_NOUN
    return word not in STOP and word not in NEGATORS


_BEFORE_NOUN = frozenset(
    ["the", "a", "an", "my", "your", "his", "her", "its", "their", "our", "this", "that", "front", "order", "of"]
)
_SCOPE_ENDS = frozenset(["but", "instead", "rather", "because", "although", "and", "so", *_MARKS])


def _is_denied(words: list[str], i: int) -> bool:
    for at in range(i - 1, max(-1, i - 7), -1):
        if words[at] in _SCOPE_ENDS:
            return False
        if words[at] in NEGATORS:
            # "No, …" and "no doubt" deny nothing that follows; neither does "not only".
            following = words[at + 1]
            return following not in {"only", "just", "doubt", "problem", "worries"}
    return False


def spoken_part(text: str) -> str:
    """What counts of a reply: after a correction only what follows it, without announcements of later replies."""
    found = list(_CORRECTED.finditer(text))
    if found and _says_something(text[found[-1].end() :]):
        text = text[found[-1].end() :]
    parts = re.split(r"(?<=[.!?;])\s+", text.strip())
    kept = [part for part in parts if not _ANNOUNCE.search(part)]
    if kept and not any(_says_something(part) for part in kept) and len(kept) < len(parts):
        return ""
    return " ".join(kept)


def _says_something(text: str) -> bool:
    return any(w not in FILLERS for w in tokens(text))


def asks(question: str) -> Literal["polarity", "number", "open", ""]:
    """What a plain question asks for."""
    words = tokens(question)
    if not words:
        return ""
    if re.search(r"\bhow (many|often|old|much)\b|\b(what|which) number\b|\bhow many times\b|\bcount\b", question):
        return "number"
    if re.match(rf"(?:\w+ ){{0,2}}?{_AUX} \w+", question) and words[0] not in _WH and " or " not in question:
        return "polarity"
    return "open"


_WH = frozenset(["what", "who", "whom", "whose", "which", "where", "when", "why", "how"])


_VERDICT = re.compile(r"(?:\bis|:)\s*['\"]?(yes|no|true|false|correct|incorrect)['\"]?[.!]?\s*$")


def answers_polarity(reading: Reading, *, alone: bool = False) -> bool | None:
    """True for yes, False for no; None where it says neither outright. `alone`: only where it begins with it."""
    words = [w for w in reading.tokens if w not in {"oh", "well", "um", "uh", "hmm", "so", "okay", "ok", "and"}]
    if not words:
        return None
    if words[0] in YES or words[:2] == ["of", "course"] or (words[0] == "right" and len(words) == 1):
        return True
    if words[0] in NO or words[:2] == ["not", "really"]:
        return False
    if alone:
        return None
    ending = _VERDICT.search(reading.text)
    if ending:
        return ending[1] in YES
    # "You are not." / "It does.": a pronoun and an auxiliary.
    if re.fullmatch(rf"(?:i think )?(?:it|you|he|she|they|there|that|i|we) {_AUX}(?: not)?[.!]?", reading.text.strip()):
        return "not" not in words
    return None


_RELATIONS = frozenset(["on", "under", "in", "inside", "behind", "front", "above"])


def relation(reading: Reading) -> str:
    """Where something is, in a word; empty where several or none are named."""
    found = {w for w in reading.tokens if w in _RELATIONS}
    return found.pop() if len(found) == 1 else ""


def numbers_agree(wanted: Reading, said: Reading, question: str) -> bool | None:
    """True for the same numbers, False for others, None where it cannot be told."""
    want, got = wanted.numbers, said.numbers
    given = [float(w) for w in tokens(question) if w[0].isdecimal()]
    if not want:
        if asks(question) != "number" or not _says_none(wanted):
            return None
        want = [0.0]
    if not got:
        if asks(question) != "number":
            return None
        if _says_none(said):
            return want == [0.0]
        if re.search(r"\b(a|an|single|only)\b", said.text) and len(want) == 1:
            return True if want == [1.0] else None
        return None
    if got == want or _joined(got) == want or _joined(want) == got:
        return True
    if len(want) == 1:
        return _one_number(want[0], got, given)
    return _several(want, got, given)


def _says_none(reading: Reading) -> bool:
    return any(w in {"not", "no", "zero", "none"} for w in reading.tokens)


def _joined(values: list[float]) -> list[float]:
    """A year said in two halves as one number; 10:00 as 10."""
    if len(values) == 2 and values[1] == 0:
        return values[:1]
    if len(values) == 2 and 10 <= values[0] <= 20 and 10 <= values[1] <= 99:
        return [values[0] * 100 + values[1]]
    return values


def _one_number(want: float, got: list[float], given: list[float]) -> bool | None:
    if want not in got:
        return False
    if all(b - a == 1 for a, b in pairwise(got)):
        return got[-1] == want  # counting along: the last one is the answer
    return True if all(n == want or n in given for n in got) else None


def _several(want: list[float], got: list[float], given: list[float]) -> bool | None:
    if not set(want) & set(got):
        return False
    if set(want) <= set(got):
        return True if set(got) <= set(want) | set(given) and [n for n in got if n in want] == want else None
    return False if len(got) == len(want) else None


def slots_of(reference: str, question: str) -> list[Slot]:
    """The key words of a reference, frames ("tells the user to") and digits left out; "in or out" is one slot."""
    body = _FRAME.sub("", reference.strip(), count=1)
    if not tokens(body):
        body = reference
    words = _TOKEN.findall(body)
    asked = {key(w) for w in tokens(question) if w not in STOP or w in PARTICLES}
    slots: list[Slot] = []
    joins = False
    for i, word in enumerate(words):
        if word == "or":
            joins = bool(slots)
        if not _counts(words, i) or word in YES or word in NO:
            continue
        name = key(word)
        denied = _is_denied(words, i)
        if joins:
            last = slots.pop()
            slots.append(Slot(last.words | {name}, last.denied, last.given and name in asked))
            joins = False
        elif not any(name in slot.words for slot in slots):
            slots.append(Slot(frozenset({name}), denied, name in asked))
    return slots
