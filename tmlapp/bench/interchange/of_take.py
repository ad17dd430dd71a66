"""A take of an item as tiers, and back: windows that somebody moved in Praat or ELAN, as commands of the editor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tmlapp.bench.authoring.commands import Command, ReplaceExpectations, ReplaceWords, SetStop, Together
from tmlapp.bench.authoring.commands_takes import SetInstructionSpan
from tmlapp.bench.authoring.model import RATE_HZ, SPARE_SAMPLES, Expectation, ItemDraft, Take, UserWord, free_id
from tmlapp.bench.authoring.model import Span as Samples
from tmlapp.bench.interchange.tiers import Span, Tier, Tiers, seconds_text
from tmlapp.core.units import NS_PER_S

INSTRUCTION, WORDS, WINDOWS, CUE, T_REF, STOP = "instruction", "user words", "windows", "cue", "t_ref", "stop"
"""Names of the tiers."""

_NS_PER_SAMPLE = NS_PER_S // RATE_HZ


def tiers_of_take(item: ItemDraft, take: Take) -> Tiers:
    """What is known about a take: `instruction`, `user words`, `windows`, `cue`, `t_ref`, `stop`.

    Labels of windows are `id: meaning`, of cues `id: what is said`, of reference moments the id. Moments are points.
    """
    said = [] if take.instruction is None else [_span(take.instruction, item.instruction)]
    stop = [] if take.stop is None else [_span(Samples(take.stop, take.stop), "stop")]
    wanted = take.expectations
    tiers = (
        Tier(INSTRUCTION, tuple(said)),
        Tier(WORDS, tuple(sorted(_span(w.span, w.text) for w in take.user_words))),
        Tier(WINDOWS, tuple(sorted(_span(e.window, _label(e.id, e.meaning)) for e in wanted))),
        Tier(CUE, tuple(sorted(_span(e.cue, _label(e.id, e.cue_text)) for e in wanted))),
        Tier(T_REF, tuple(sorted(_span(Samples(e.t_ref, e.t_ref), e.id) for e in wanted)), points=True),
        Tier(STOP, tuple(stop), points=True),
    )
    return Tiers(tiers, take.samples * _NS_PER_SAMPLE, tuple(name for name in (take.audio, take.video) if name))


def _span(span: Samples, text: str) -> Span:
    return Span(span.t0 * _NS_PER_SAMPLE, span.t1 * _NS_PER_SAMPLE, text)


def _label(name: str, text: str) -> str:
    return f"{name}: {text}" if text else name


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedWindows:
    """What a file of tiers says about a take; times are samples of the take.

    Attributes:
        expectations: those of the take with the windows, meanings, cues and reference moments of the file, and new
            ones for windows that the take does not know. Members that no tier holds (accepted wordings) stay.
        changed, added: ids of those that differ from the take's, and that are new.
        missing: ids of the take that have no window in the file; they stay as they are.
        instruction, user_words, stop: as in the file; None where it has no such tier.
        problems: what was not taken over, and why, in one sentence each.
    """

    expectations: tuple[Expectation, ...]
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    instruction: Samples | None = None
    user_words: tuple[UserWord, ...] | None = None
    stop: int | None = None
    problems: tuple[str, ...] = ()

    def commands(self, item: ItemDraft, take: Take) -> Together:
        """One command that makes `take` what the file says; without parts where nothing differs.

        Several parts are done and undone as one.
        """
        parts: list[Command] = []
        if self.expectations != take.expectations:
            parts.append(ReplaceExpectations(item.id, take.id, self.expectations, "file"))
        if self.user_words is not None and self.user_words != take.user_words:
            parts.append(ReplaceWords(item.id, take.id, self.user_words))
        if self.instruction is not None and self.instruction != take.instruction:
            parts.append(SetInstructionSpan(item.id, take.id, self.instruction))
        if self.stop is not None and self.stop != take.stop:
            parts.append(SetStop(item.id, take.id, self.stop))
        return Together(tuple(parts), "import the windows of a file")


def windows_from(tiers: Tiers, take: Take) -> ImportedWindows:
    """What `tiers` say about `take`; a window with a label that names no expectation of the take is a new one.

    Times go to the nearest sample, so those that nobody has touched come back as they were.
    """
    reading = _Reading(take)
    cues = reading.labelled(tiers.gathered(CUE))
    refs = reading.labelled(tiers.gathered(T_REF))
    windows, new = reading.windows(tiers.gathered(WINDOWS))
    found: list[Expectation] = []
    for expectation in take.expectations:
        window = windows.get(expectation.id)
        changed = expectation if window is None else replace(expectation, window=window[0], meaning=window[1])
        found.append(reading.placed(changed, cues, refs))
    added: list[str] = []
    for name, window_span, meaning in new:
        taken = {e.id for e in found} | {n for n, _, _ in new if n}
        fresh = name if name and name not in {e.id for e in found} else free_id(taken, "e")
        at = min(window_span.t0, take.samples)
        made = Expectation(fresh, "time", Samples(at, at), at, window_span, meaning=meaning)
        found.append(reading.placed(made, cues, refs))
        added.append(fresh)
    before = {e.id: e for e in take.expectations}
    return ImportedWindows(
        expectations=tuple(found),
        changed=tuple(e.id for e in found if e.id in before and e != before[e.id]),
        added=tuple(added),
        missing=tuple(name for name in before if name not in windows),
        instruction=reading.first(tiers.gathered(INSTRUCTION), INSTRUCTION),
        user_words=reading.words(tiers),
        stop=_begin(reading.first(tiers.gathered(STOP), STOP)),
        problems=tuple(reading.problems),
    )


class _Reading:
    def __init__(self, take: Take) -> None:
        self._take = take
        # The longest first: an id may begin as another one does.
        self._ids = sorted((e.id for e in take.expectations), key=len, reverse=True)
        self.problems: list[str] = []

    def split(self, label: str) -> tuple[str, str]:
        """Id and text of a label; the id is empty where it names none."""
        label = label.strip()
        for name in self._ids:
            if label == name:
                return name, ""
            if label.startswith(f"{name}:"):
                return name, label[len(name) + 1 :].strip()
        new = re.fullmatch(r"([A-Za-z0-9_-]{1,40})(?::\s*(.*))?", label, re.DOTALL)
        # A single word may be a meaning ("nine") as well as an id: ours are a letter and a number.
        if new and (new[2] is not None or re.fullmatch(r"e[0-9]+", new[1])):
            return new[1], (new[2] or "").strip()
        return "", label

    def samples(self, span: Span, spare: int, what: str) -> Samples | None:
        """The span in samples; None, with a problem, where it does not lie in the take."""
        found = Samples(_sample(span.t0_ns), _sample(span.t1_ns))
        if 0 <= found.t0 <= found.t1 <= self._take.samples + spare:
            return found
        self.problems.append(
            f"{what} at {seconds_text(span.t0_ns)} s to {seconds_text(span.t1_ns)} s lies outside the take."
        )
        return None

    def windows(self, spans: Iterable[Span]) -> tuple[dict[str, tuple[Samples, str]], list[tuple[str, Samples, str]]]:
        known: dict[str, tuple[Samples, str]] = {}
        new: list[tuple[str, Samples, str]] = []
        for span in spans:
            name, meaning = self.split(span.text)
            placed = self.samples(span, SPARE_SAMPLES, f"The window {span.text[:40]!r}")
            if placed is None:
                continue
            if placed.t1 <= placed.t0:
                self.problems.append(f"The window {span.text[:40]!r} lasts no time.")
            elif name in known:
                self.problems.append(f"The window of {name} comes twice; the first one counts.")
            elif name in self._ids:
                known[name] = (placed, meaning)
            else:
                new.append((name, placed, meaning))
        return known, new

    def labelled(self, spans: Iterable[Span]) -> dict[str, tuple[Samples, str]]:
        """Spans of the take by the id in their label; others are left out."""
        found: dict[str, tuple[Samples, str]] = {}
        for span in spans:
            name, text = self.split(span.text)
            if name and name not in found:
                placed = self.samples(span, 0, f"What is said of {name}")
                if placed is not None:
                    found[name] = (placed, text)
        return found

    def placed(
        self, value: Expectation, cues: dict[str, tuple[Samples, str]], refs: dict[str, tuple[Samples, str]]
    ) -> Expectation:
        """`value` with the cue and the reference moment of the file."""
        if value.id in cues:
            cue, text = cues[value.id]
            value = replace(value, cue=cue, cue_text=text)
        if value.id in refs:
            value = replace(value, t_ref=refs[value.id][0].t0)
        return value

    def first(self, spans: Sequence[Span], what: str) -> Samples | None:
        """The only span of a tier; None where there is none."""
        if len(spans) > 1:
            self.problems.append(f"The tier {what} has {len(spans)} spans; the first one counts.")
        return self.samples(spans[0], 0, f"The {what}") if spans else None

    def words(self, tiers: Tiers) -> tuple[UserWord, ...] | None:
        """The user's words; None where there is no such tier."""
        if tiers.tier(WORDS) is None:
            return None
        found = []
        for span in tiers.gathered(WORDS):
            placed = self.samples(span, 0, f"The word {span.text[:40]!r}")
            if placed is not None:
                found.append(UserWord(placed, span.text))
        return tuple(found)


def _begin(span: Samples | None) -> int | None:
    return None if span is None else span.t0


def _sample(t_ns: int) -> int:
    return (t_ns + _NS_PER_SAMPLE // 2) // _NS_PER_SAMPLE
