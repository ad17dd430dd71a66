"""What every check sees, and the checks of an item's own words: texts, language, licence, speaker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tmlapp.bench.authoring.command import Command
from tmlapp.bench.authoring.commands import (
    ChooseBest,
    SetExpectation,
    SetItemField,
    SetSpeaker,
    SetTakeSpeaker,
)
from tmlapp.bench.authoring.measure_files import FileState, Sound
from tmlapp.bench.authoring.model import Expectation, ItemDraft, ItemSet, Span, Speaker, Take, free_id
from tmlapp.bench.authoring.validate_finding import Finding, Fix, Severity, Where

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_MAIL = re.compile(r"(^|-)(mail|gmail|e-?mail|outlook|hotmail|yahoo|icloud|com|org|net|edu)(-|$)")
_PLAIN_WORDS = frozenset(
    ("speaker", "voice", "person", "participant", "subject", "user", "rater", "reader", "talker", "actor", "volunteer",
     "anonymous", "unknown", "tts", "synthetic", "female", "male", "child", "adult", "test", "demo")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on something is worth a person's look. All are our choice.

    Attributes:
        snr_least_db: less voice above the noise. rise_most_db: more noise at the end.
        speech_least_dbfs: quieter speech. dc_most: larger offset, of full scale.
        lead_most_s, trail_most_s: longer silence before the voice, and after everything is over.
        trim_to_s: silence that trimming leaves.
        window_least_s: a shorter window (one micro-turn is 0.2 s). cue_early_s: a window that begins so long before
            its cue.
        tail_s: how long a session goes on after the sound.
    """

    snr_least_db: float = 15.0
    rise_most_db: float = 6.0
    speech_least_dbfs: float = -40.0
    dc_most: float = 0.02
    lead_most_s: float = 1.0
    trail_most_s: float = 10.0
    trim_to_s: float = 0.3
    window_least_s: float = 0.4
    cue_early_s: float = 0.5
    tail_s: float = 5.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Case:
    """One item with everything that its checks look at.

    Attributes:
        take: the one that would be exported; None: there is none.
        audio, video: the take's files. sound: what was measured; None: nothing, yet.
        speaker: who speaks in the take.
    """

    state: ItemSet
    item: ItemDraft
    take: Take | None = None
    audio: FileState | None = None
    video: FileState | None = None
    sound: Sound | None = None
    speaker: Speaker | None = None
    limits: Limits = field(default_factory=Limits)

    def finding(
        self,
        code: str,
        severity: Severity,
        what: str,
        why: str,
        advice: str,
        *,
        expectation: str = "",
        field: str = "",
        span: Span | None = None,
        fix: Fix | None = None,
    ) -> Finding:
        """A finding in this item and take."""
        where = Where(
            item=self.item.id, take=self.take.id if self.take else "", expectation=expectation, field=field, span=span
        )
        return Finding(code, severity, what, why, advice, where, fix)


Check = Callable[[Case], Iterator[Finding]]


def does(title: str, command: Command) -> Fix:
    """A fix that needs nothing but a command."""
    return Fix(title, command)


# ---------------------------------------------------------------------- takes


def check_takes(case: Case) -> Iterator[Finding]:
    """There is something to export."""
    item = case.item
    offered = [take for take in item.takes if not take.discarded]
    if not offered:
        yield case.finding(
            "no-take", "error", "Not recorded", "The item has no take.", "Record a take, or import a sound."
        )
    elif item.best is None:
        yield case.finding(
            "no-best",
            "error",
            "No take is chosen",
            f"The item has {len(offered)} takes, and none of them is the best.",
            "Choose the take that is to be exported.",
            fix=does("Choose the newest take", ChooseBest(item.id, offered[-1].id)),
        )


# ---------------------------------------------------------------------- words


def check_words(case: Case) -> Iterator[Finding]:
    """Category, language, instruction, licence."""
    item = case.item
    if not item.category.strip():
        common = _most_common([i.category for i in case.state.items if i.suite == item.suite]) or "general"
        yield case.finding(
            "no-category", "error", "No category", "Scores are also averaged by category.", "Give it a category.",
            field="category", fix=does(f"Set it to “{common}”", SetItemField(item.id, "category", common)),
        )  # fmt: skip
    yield from _language(case)
    if not item.instruction.strip():
        script = item.script.strip()
        fix = does("Take the script", SetItemField(item.id, "instruction", script)) if script else None
        yield case.finding(
            "no-instruction", "warning", "No instruction", "The judge is not told what the user asked for.",
            "Write down what the user asks for.", field="instruction", fix=fix,
        )  # fmt: skip
    if not (item.licence.strip() or case.state.licence.strip()):
        yield case.finding(
            "no-licence", "error", "No licence", "Nobody may use an item without one.",
            "Give the set a licence, such as CC-BY-4.0, or “internal”.", field="licence",
        )  # fmt: skip
    if item.extra and not _is_object(item.extra):
        yield case.finding(
            "extra-form", "error", "Extra members are no JSON", "They cannot be written into the line of the item.",
            "Write one JSON object, or clear them.", field="extra",
            fix=does("Clear them", SetItemField(item.id, "extra", "")),
        )  # fmt: skip


def _language(case: Case) -> Iterator[Finding]:
    item = case.item
    if _LANGUAGE.fullmatch(item.lang):
        return
    spoken = case.speaker.language if case.speaker else ""
    known = [spoken, *(i.lang for i in case.state.items)]
    guess = _most_common([name for name in known if _LANGUAGE.fullmatch(name)][:1]) or ""
    fix = does(f"Set it to “{guess}”", SetItemField(item.id, "lang", guess)) if guess else None
    missing = not item.lang.strip() or len(item.lang) < 2
    yield case.finding(
        "no-language" if missing else "language-form",
        "error" if missing else "warning",
        "No language" if missing else "The language is no language tag",
        "Readers choose items by it." if missing else f"{item.lang[:40]!r} is not of the form of BCP 47.",
        "Give a tag such as en or pt-BR.",
        field="lang",
        fix=fix,
    )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _most_common(values: list[str]) -> str:
    kept = [value for value in values if value.strip()]
    return max(sorted(set(kept)), key=kept.count) if kept else ""


def spoken_text(item: ItemDraft) -> str:
    """Instruction and script, or the words of the best take: items may share an instruction and differ in the rest."""
    take = item.best_take
    after = item.script.strip() or (" ".join(word.text for word in take.user_words) if take else "")
    return f"{item.instruction}\n{after}"


def check_characters(case: Case) -> Iterator[Finding]:
    """Every text can be written as UTF-8: half of a surrogate pair, which a paste may bring, cannot."""
    item = case.item
    for name in ("category", "lang", "instruction", "script", "notes", "author", "licence", "created_at"):
        value = getattr(item, name)
        if _broken(value):
            yield case.finding(
                "text-broken", "error", f"The {name} holds a broken character",
                "Half of a surrogate pair cannot be written.", "Type it again.", field=name,
                fix=does("Leave the broken characters out", SetItemField(item.id, name, _mended(value))),
            )  # fmt: skip
    for expectation in case.take.expectations if case.take else ():
        broken = any(
            _broken(t)
            for t in (
                expectation.id,
                expectation.cue_text,
                expectation.meaning,
                *expectation.accept,
                *expectation.reject,
            )
        )
        if broken:
            yield _broken_expectation(case, expectation)
    for word in case.take.user_words if case.take else ():
        if _broken(word.text):
            yield case.finding(
                "text-broken", "error", "The user's words hold a broken character",
                "Half of a surrogate pair cannot be written.", "Type them again.", span=word.span,
            )  # fmt: skip


def _broken_expectation(case: Case, value: Expectation) -> Finding:
    mended = replace(
        value,
        id=_mended(value.id) or "e",
        cue_text=_mended(value.cue_text),
        meaning=_mended(value.meaning),
        accept=tuple(map(_mended, value.accept)),
        reject=tuple(map(_mended, value.reject)),
    )
    take = case.take.id if case.take else ""
    return case.finding(
        "text-broken", "error", f"The expectation {_mended(value.id)} holds a broken character",
        "Half of a surrogate pair cannot be written.", "Type it again.", expectation=value.id,
        fix=does("Leave the broken characters out", SetExpectation(case.item.id, take, value.id, mended)),
    )  # fmt: skip


def _broken(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _mended(text: str) -> str:
    return text.encode("utf-8", "ignore").decode("utf-8")


# ---------------------------------------------------------------------- speakers


def check_speaker(case: Case) -> Iterator[Finding]:
    """Who speaks is known, under a pseudonym, and has agreed."""
    take, speaker = case.take, case.speaker
    if take is None:
        return
    if speaker is None:
        others = case.state.speakers
        fix = None
        if len(others) == 1:
            fix = does(f"Say that it is {others[0].id}", SetTakeSpeaker(case.item.id, take.id, others[0].id))
        yield case.finding(
            "no-speaker", "warning", "Nobody is named as the speaker",
            "Splits are made by speaker, and a voice needs its owner's consent.", "Choose who speaks.",
            field="speaker", fix=fix,
        )  # fmt: skip
        return
    for found in speaker_findings(case.state, speaker):
        yield replace(found, where=replace(found.where, item=case.item.id, take=take.id))


def speaker_findings(state: ItemSet, speaker: Speaker) -> Iterator[Finding]:
    """What is missing about a speaker."""
    where = Where(speaker=speaker.id)

    def finding(
        code: str, severity: Severity, what: str, why: str, advice: str, name: str, fix: Fix | None = None
    ) -> Finding:
        return Finding(code, severity, what, why, advice, replace(where, field=name), fix)

    if not speaker.consent:
        yield finding(
            "no-consent", "error", f"{speaker.id} has not agreed", "A voice may only be published with consent.",
            "Ask, and note the consent with its date.", "consent",
        )  # fmt: skip
    elif not _DATE.fullmatch(speaker.consent_date):
        yield finding(
            "consent-date", "warning", f"The date of {speaker.id}'s consent is missing",
            f"{speaker.consent_date[:40]!r} is no date." if speaker.consent_date else "Consent is given on a day.",
            "Write it as YYYY-MM-DD.", "consent_date",
        )  # fmt: skip
    for name in ("language", "device", "room"):
        if not getattr(speaker, name).strip():
            yield finding(
                f"no-{name}", "warning", f"The {name} of {speaker.id} is not noted",
                "Readers of the dataset need it to judge the sound." if name != "language" else "Accents matter.",
                f"Note the {name}.", name,
            )  # fmt: skip
    if looks_like_a_name(speaker.id):
        new = free_id((s.id for s in state.speakers), "s-", digits=3)
        yield finding(
            "speaker-name", "warning", f"{speaker.id} looks like a real name",
            "A dataset names speakers by a pseudonym.", f"Rename the speaker, for example {new}.", "id",
            does(f"Rename to {new}", SetSpeaker(speaker.id, replace(speaker, id=new))),
        )  # fmt: skip


def looks_like_a_name(name: str) -> bool:
    """True for what may be a person's name or e-mail address: words of letters without a number, or a mail host."""
    if "@" in name or _MAIL.search(name.casefold()):
        return True
    if any(c.isdigit() for c in name):
        return False
    words = [word for word in re.split(r"[-_. ]+", name.casefold()) if len(word) > 1]
    return any(word not in _PLAIN_WORDS for word in words if len(word) > 2)
