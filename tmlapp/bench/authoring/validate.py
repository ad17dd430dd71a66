"""Validation as you go: what is wrong with an item, what is worth a look, and what was checked and is right.

`findings` looks at one item among the others, `all_findings` at a whole set; both remember in a `Context` what has not
changed since, so that after one edit of one item of 500 they answer within a few milliseconds. Sounds are not measured
here unless the context is `eager`: a window measures them in the background (`Context.measure`) and asks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tmlapp.bench.authoring.dataset_row import RowError, row_of
from tmlapp.bench.authoring.measure_alike import (
    SOUND_ALIKE,
    TEXT_ALIKE,
    Grams,
    Neighbours,
    SoundPrint,
    alike,
    plain_text,
    texts_alike,
    trigrams,
)
from tmlapp.bench.authoring.measure_files import FileState, Sound, SoundFiles, VoiceBy, cache_folder
from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Speaker, Take
from tmlapp.bench.authoring.validate_finding import Finding, Fix, Severity, Where, worst_first
from tmlapp.bench.authoring.validate_rules import (
    Case,
    Check,
    Limits,
    check_characters,
    check_speaker,
    check_takes,
    check_words,
    speaker_findings,
    spoken_text,
)
from tmlapp.bench.authoring.validate_sound import check_files, check_sound
from tmlapp.bench.authoring.validate_times import check_expectations
from tmlapp.bench.labels.speak_items import ItemError, parse_item
from tmlapp.config.paths import cache_dir

__all__ = [
    "Context",
    "Finding",
    "Fix",
    "Limits",
    "Report",
    "Severity",
    "Where",
    "all_findings",
    "findings",
    "has_errors",
    "own_findings",
    "set_findings",
]

CHECKS: tuple[Check, ...] = (
    check_takes, check_files, check_words, check_expectations, check_speaker, check_sound, check_characters,
)  # fmt: skip
_SIMILAR_SHOWN = 3


class Context:
    """What the checks of one set remember. One per open set; not for several threads, except `measure`.

    Args:
        folder: of the set.
        limits: from where on something is worth a look.
        eager: measure sounds when they are met, as the command line does.
        voice: who finds voice, see `SoundFiles`.
        keep: where figures are kept for the next time; None: in the user's cache folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: Limits | None = None,
        eager: bool = False,
        voice: VoiceBy = "silero",
        keep: Path | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.files = SoundFiles(folder, voice=voice, keep=keep or cache_folder(cache_dir()))
        self.eager = eager
        self._own: dict[str, tuple[tuple[Any, ...], tuple[Finding, ...]]] = {}
        self._texts = Neighbours[str, Grams](texts_alike, TEXT_ALIKE)
        self._sounds = Neighbours[str, SoundPrint](alike, SOUND_ALIKE)
        self._indexed: tuple[ItemSet, int, _Index] | None = None

    def measure(self, take: Take) -> Sound | None:
        """Read the files of `take` and measure its sound if nobody has; may be called on another thread.

        None: there is no such file. Ask for findings again afterwards.
        """
        if take.video:
            self.files.state(take.video)
        return self.files.sound(take.audio)

    def unmeasured(self, state: ItemSet) -> list[Take]:
        """Best takes of whose files somebody should `measure`; returns at once."""
        takes = [t for item in state.items if (t := item.best_take) is not None]
        return [take for take in takes if self._is_new(take)]

    def _is_new(self, take: Take) -> bool:
        audio, video, sound = self.look(take)
        unread = [f for f in (audio, video) if f is not None and f.state == "there" and not f.sha256]
        return bool(unread) or (audio.state == "there" and sound is None)

    def look(self, take: Take) -> tuple[FileState, FileState | None, Sound | None]:
        """The files of a take and what is known of its sound; large files are read only if the context is eager."""
        audio = self.files.state(take.audio, read=self.eager)
        video = self.files.state(take.video, read=self.eager) if take.video else None
        if self.eager:
            return audio, video, self.files.sound(take.audio)
        return audio, video, self.files.known(audio.sha256) if audio.sha256 else None

    # ------------------------------------------------------------------ what was said before

    def remembered(self, item: str, key: tuple[Any, ...]) -> tuple[Finding, ...] | None:
        """What was found in `item` when everything that it depends on was the same."""
        known = self._own.get(item)
        if (
            known is None
            or len(known[0]) != len(key)
            or any(a is not b and a != b for a, b in zip(known[0], key, strict=True))
        ):
            return None
        return known[1]

    def remember(self, item: str, key: tuple[Any, ...], found: tuple[Finding, ...]) -> None:
        """Keep what was found."""
        self._own[item] = (key, found)

    def forget_but(self, state: ItemSet) -> None:
        """What is gone is not remembered for ever."""
        names = {item.id for item in state.items}
        for name in [name for name in self._own if name not in names]:
            del self._own[name]
        self._texts.keep_only({spoken_text(item) for item in state.items})

    # ------------------------------------------------------------------ likeness

    def texts_like(self, item: ItemDraft, state: ItemSet) -> list[tuple[float, ItemDraft]]:
        """Other items in which the user says much the same as in `item`, and how much (at most 1)."""
        index = self._index(state)
        said = spoken_text(item)
        near = {said: 1.0, **self._texts.near(said)}
        return _others(item, near, index.texts)

    def sounds_like(self, item: ItemDraft, sha256: str, state: ItemSet) -> list[tuple[float, ItemDraft]]:
        """Other items whose sound is like the one of `item` with this digest, and how much (at most 1)."""
        index = self._index(state)
        near = {sha256: 1.0, **self._sounds.near(sha256)}
        return _others(item, near, index.sounds)

    def _index(self, state: ItemSet) -> _Index:
        """Items by their words and sounds, all of them known to be compared with; made once for a state."""
        found = self._indexed
        if found is not None and found[0] is state and found[1] == self.files.version:
            return found[2]
        made = _Index({}, {})
        for item in state.items:
            if item.instruction.strip():
                said = spoken_text(item)
                if said not in self._texts:
                    self._texts.add(said, trigrams(said))
                made.texts.setdefault(said, []).append(item)
            sound = self._sound_of(item)
            if sound is not None and sound.figures is not None and sound.print is not None:
                name = sound.figures.sha256
                if name not in self._sounds:
                    self._sounds.add(name, sound.print)
                made.sounds.setdefault(name, []).append(item)
        self._indexed = (state, self.files.version, made)
        return made

    def _sound_of(self, item: ItemDraft) -> Sound | None:
        take = item.best_take
        if take is None:
            return None
        # By the digest that the take was made with: looking at every file for each edit would take too long.
        found = self.files.known(take.sha256)
        return self.files.sound(take.audio) if found is None and self.eager else found


@dataclass(frozen=True, slots=True)
class _Index:
    """Items by what the user says in them, and by the digest of their sound."""

    texts: dict[str, list[ItemDraft]]
    sounds: dict[str, list[ItemDraft]]


def _others(
    item: ItemDraft, near: Mapping[str, float], index: Mapping[str, list[ItemDraft]]
) -> list[tuple[float, ItemDraft]]:
    return [(value, other) for key, value in near.items() for other in index.get(key, ()) if other.id != item.id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found in a set: about the set itself, and about each item, worst first."""

    of_set: tuple[Finding, ...] = ()
    of_items: dict[str, tuple[Finding, ...]] = field(default_factory=dict)

    @property
    def valid(self) -> tuple[str, ...]:
        """Items without an error: those that an export takes."""
        return tuple(name for name, found in self.of_items.items() if not has_errors(found))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "valid": list(self.valid),
            "n_items": len(self.of_items),
            "set": [f.to_json() for f in self.of_set],
            "items": {name: [f.to_json() for f in found] for name, found in self.of_items.items()},
        }


def has_errors(found: Sequence[Finding]) -> bool:
    """Some finding keeps the item out of an export."""
    return any(f.severity == "error" for f in found)


def findings(state: ItemSet, item: str | ItemDraft, context: Context, *, good: bool = False) -> tuple[Finding, ...]:
    """What is to be said about one item, worst first.

    Args:
        good: also say what was checked and is right.

    Raises:
        KeyError: the set has no such item.
    """
    draft = state.item(item) if isinstance(item, str) else item
    case = _case(state, draft, context)
    found = [*_own(case, context), *_beside_others(case, context)]
    return worst_first([*found, *_good(case, found)] if good else found)


def own_findings(state: ItemSet, item: ItemDraft, context: Context) -> tuple[Finding, ...]:
    """What is to be said about one item alone, without looking at the others; errors are all among these."""
    return worst_first(list(_own(_case(state, item, context), context)))


def all_findings(state: ItemSet, context: Context) -> Report:
    """What is to be said about a set and each of its items."""
    context.forget_but(state)
    return Report(
        of_set=set_findings(state), of_items={item.id: findings(state, item, context) for item in state.items}
    )


def set_findings(state: ItemSet) -> tuple[Finding, ...]:
    """What is to be said about the set as a whole, and about its speakers."""

    def finding(code: str, what: str, why: str, advice: str, name: str) -> Finding:
        return Finding(code, "warning", what, why, advice, Where(field=name))

    found: list[Finding] = []
    if not state.items:
        found.append(Finding("no-item", "error", "The set is empty", "It has no item.", "Add one.", Where()))
    if not state.name.strip():
        found.append(finding("no-name", "The set has no name", "Its card needs a title.", "Name it.", "name"))
    if not state.version.strip():
        found.append(
            finding("no-version", "The set has no version", "It is exported as 1.0.0.", "Give it a version.", "version")
        )
    if not state.licence.strip():
        found.append(
            finding("set-licence", "The set has no licence", "Nobody may use it then.", "Choose a licence.", "licence")
        )
    for speaker in state.speakers:
        found += speaker_findings(state, speaker)
    return worst_first(found)


def _case(state: ItemSet, item: ItemDraft, context: Context) -> Case:
    take = item.best_take
    if take is None:
        return Case(state=state, item=item, limits=context.limits)
    audio, video, sound = context.look(take)
    return Case(
        state=state, item=item, take=take, audio=audio, video=video, sound=sound,
        speaker=_speaker(state, take), limits=context.limits,
    )  # fmt: skip


def _speaker(state: ItemSet, take: Take) -> Speaker | None:
    return next((s for s in state.speakers if s.id == take.speaker), None) if take.speaker else None


def _own(case: Case, context: Context) -> tuple[Finding, ...]:
    """What does not depend on other items; the few of its fixes that do are as good as when they were made."""
    state = case.state
    key = (
        case.item, case.audio, case.video, case.sound, case.speaker, bool(state.licence.strip()),
        len(state.speakers) == 1, context.limits,
    )  # fmt: skip
    found = context.remembered(case.item.id, key)
    if found is None:
        found = tuple(f for check in CHECKS for f in check(case))
        if not has_errors(found):
            found = (*found, *_load_errors(case))
        context.remember(case.item.id, key, found)
    return found


def _load_errors(case: Case) -> Iterator[Finding]:
    """Whatever the loader of benchmarks would still refuse, in its own words."""
    if case.take is None:
        return
    try:
        parse_item(row_of(case.state, case.item, case.take, audio=case.take.audio, video=case.take.video))
    except (RowError, ItemError) as error:
        text = str(error)
        yield case.finding(
            "not-loadable", "error", "The item could not be loaded", f"{text[:1].upper()}{text[1:]}.", "Correct it."
        )


# ---------------------------------------------------------------------- beside the others


def _beside_others(case: Case, context: Context) -> Iterator[Finding]:
    if case.item.instruction.strip():
        close = context.texts_like(case.item, case.state)
        if close:
            yield _alike_text(case, close)
    if case.sound is not None and case.sound.figures is not None:
        near = context.sounds_like(case.item, case.sound.figures.sha256, case.state)
        if near:
            yield _alike_sound(case, near)


def _alike_text(case: Case, close: list[tuple[float, ItemDraft]]) -> Finding:
    value, first = max(close, key=lambda pair: pair[0])
    same = plain_text(spoken_text(case.item)) == plain_text(spoken_text(first))
    found = case.finding(
        "instruction-alike", "warning",
        f"The instruction is {'the same as' if same else 'much like'} that of {_names(close)}",
        f"With what the user says after it, likeness {value:.2f}; from {TEXT_ALIKE} on two items test almost the same.",
        "Ask for something else, or keep it on purpose.", field="instruction",
    )  # fmt: skip
    return replace(found, where=replace(found.where, other=first.id))


def _alike_sound(case: Case, close: list[tuple[float, ItemDraft]]) -> Finding:
    value, first = max(close, key=lambda pair: pair[0])
    same = value == 1.0
    found = case.finding(
        "sound-copy" if same else "sound-alike", "warning",
        f"The sound is {'the same as' if same else 'a copy of'} that of {_names(close)}",
        "Every sample is equal." if same else f"Likeness {value:.3f}; copies reach {SOUND_ALIKE} and more.",
        "Record it anew, or keep one of the two.", field="sound",
    )  # fmt: skip
    return replace(found, where=replace(found.where, other=first.id))


def _names(close: list[tuple[float, ItemDraft]]) -> str:
    """The likest first, a few of them."""
    ordered = sorted(close, key=lambda pair: -pair[0])
    more = f" and {len(close) - _SIMILAR_SHOWN} more" if len(close) > _SIMILAR_SHOWN else ""
    return ", ".join(other.id for _, other in ordered[:_SIMILAR_SHOWN]) + more


# ---------------------------------------------------------------------- what is right


def _good(case: Case, found: Sequence[Finding]) -> Iterator[Finding]:
    codes = {f.code for f in found}

    def right(code: str, what: str) -> Finding:
        return case.finding(code, "good", what, "", "")

    take = case.take
    if take is None:
        return
    if take.expectations and not codes & {"no-overlap", "window-outside", "window-order", "window-late"}:
        inside = "Window overlaps the user's speech" if case.item.suite == "cuespeak" else "Windows lie inside the take"
        yield right("windows", inside)
    if case.sound is not None and case.sound.figures is not None:
        if not codes & {"clipping", "sound-copy", "sound-alike"}:
            yield right("clean", "No clipping, no duplicate")
        snr = case.sound.figures.snr_db
        if snr is not None and not codes & {"noise", "noise-rise", "quiet"}:
            yield right("quiet-room", f"SNR {snr:.0f} dB")
    if not codes & {"no-consent", "consent-date", "no-speaker", "no-licence", "no-language", "language-form"}:
        yield right("papers", "Consent, licence, language")
