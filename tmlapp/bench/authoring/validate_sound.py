"""Checks of a take's files and of what was measured in its sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tmlapp.bench.authoring.command import Command
from tmlapp.bench.authoring.commands import AddTake, ChooseBest, Together
from tmlapp.bench.authoring.measure import SoundFigures
from tmlapp.bench.authoring.media import free_take_id, read_take, take_path, write_sound
from tmlapp.bench.authoring.model import RATE_HZ, Expectation, ItemDraft, Span, Take, UserWord, to_seconds
from tmlapp.bench.authoring.validate_finding import Finding, Fix
from tmlapp.bench.authoring.validate_rules import Case

_FORM_FIX = "Import it again: it is converted then."


def check_files(case: Case) -> Iterator[Finding]:
    """Sound and pictures are there, and the ones that the take was made with."""
    take = case.take
    if take is None:
        return
    for role, name, digest, state in (
        ("sound", take.audio, take.sha256, case.audio),
        ("video", take.video, take.video_sha256, case.video),
    ):
        if state is None or not name:
            continue
        if state.state != "there":
            yield case.finding(
                f"{role}-missing", "error", f"The {role} is missing", f"{name}: {state.why}.",
                "Put the file back, or choose another take.", field=role,
            )  # fmt: skip
        elif digest and state.sha256 and state.sha256 != digest:
            yield case.finding(
                f"{role}-changed", "error", f"The {role} was changed since it was recorded",
                f"{name} is another file than the one with which windows and words were set (its sha256 differs).",
                "Put the old file back, or import the new one as a take of its own.", field=role,
            )  # fmt: skip
    if case.sound is not None:
        yield from _form(case, take)


def _form(case: Case, take: Take) -> Iterator[Finding]:
    sound = case.sound
    if sound is None:
        return
    if sound.problem:
        yield case.finding(
            f"sound-{sound.problem_code}", "error", "The sound is not 16 kHz mono PCM16",
            f"{take.audio}: {sound.problem}.", _FORM_FIX, field="sound",
        )  # fmt: skip
    elif sound.figures is not None and sound.figures.samples != take.samples:
        yield case.finding(
            "sound-length", "error", "The sound has another length than the take",
            f"It lasts {_s(sound.figures.samples)}, the take {_s(take.samples)}.",
            "Put the old file back, or import the new one as a take of its own.", field="sound",
        )  # fmt: skip


def check_sound(case: Case) -> Iterator[Finding]:
    """Level, clipping, noise, silence; nothing before the sound was measured."""
    figures = case.sound.figures if case.sound else None
    if case.take is None or figures is None:
        return
    if not figures.voice:
        yield case.finding(
            "no-voice", "warning", "No voice was found", "The user has to say something.", "Listen to it.",
            span=Span(0, case.take.samples),
        )  # fmt: skip
    yield from _level(case, figures)
    yield from _noise(case, figures)
    yield from _silence(case, case.take, figures)


def _level(case: Case, figures: SoundFigures) -> Iterator[Finding]:
    if figures.clipped:
        first, last = figures.clipped[0], figures.clipped[-1]
        lost = sum(b - a for a, b in figures.clipped)
        times = "once" if len(figures.clipped) == 1 else f"{len(figures.clipped)} times"
        yield case.finding(
            "clipping", "warning", f"Clipping: cut off {times}",
            f"{lost} samples between {_s(first[0])} and {_s(last[1])} are at the limit.",
            "Lower the input level and record again.", span=Span(*first),
        )  # fmt: skip
    speech = figures.speech_dbfs
    if speech is not None and speech < case.limits.speech_least_dbfs:
        yield case.finding(
            "quiet", "warning", f"Quiet: speech at {speech:.0f} dBFS",
            f"It should reach {case.limits.speech_least_dbfs:.0f} dBFS.", "Raise the input level, or come closer.",
        )  # fmt: skip
    if abs(figures.dc) > case.limits.dc_most:
        yield case.finding(
            "dc-offset", "warning", f"The sound is off the middle by {100 * figures.dc:+.1f} %",
            "A device adds a constant.", "Choose another input.",
        )  # fmt: skip


def _noise(case: Case, figures: SoundFigures) -> Iterator[Finding]:
    limits = case.limits
    if figures.snr_db is not None and figures.snr_db < limits.snr_least_db:
        yield case.finding(
            "noise", "warning", f"Noisy: SNR {figures.snr_db:.1f} dB",
            f"Voice at {figures.speech_dbfs:.0f} dBFS, the rest at {figures.noise_dbfs:.0f} dBFS; "
            f"at least {limits.snr_least_db:.0f} dB should lie between them.",
            "Record in a quieter room.",
        )  # fmt: skip
    if figures.rise_from is not None and (figures.rise_db or 0.0) > limits.rise_most_db:
        span = Span(figures.rise_from, figures.samples)
        yield case.finding(
            "noise-rise", "warning", f"Noise rises in the last {to_seconds(span.t1 - span.t0):.1f} s",
            f"It is {figures.rise_db:.0f} dB louder than before.", "Listen to the end, and trim it or record again.",
            span=span,
        )  # fmt: skip


def _silence(case: Case, take: Take, figures: SoundFigures) -> Iterator[Finding]:
    limits = case.limits
    least = round(limits.trim_to_s * RATE_HZ)
    first = min([figures.lead, *_moments(take)])
    if figures.voice and figures.lead > limits.lead_most_s * RATE_HZ:
        cut = first - least
        yield case.finding(
            "lead-silence", "warning", f"{_s(figures.lead)} of silence before the first word",
            "Every run would wait for it.", f"Trim it to {limits.trim_to_s:g} s.", span=Span(0, figures.lead),
            fix=_trim(case, take, cut, take.samples, "Trim it as a new take") if cut > 0 else None,
        )  # fmt: skip
    last = max([figures.samples - figures.trail, *_moments(take)])
    idle = take.samples - last
    if figures.voice and idle > limits.trail_most_s * RATE_HZ:
        yield case.finding(
            "trail-silence", "warning", f"{_s(idle)} of silence after everything is over",
            "Every run would wait for it.", "Trim the end.", span=Span(last, take.samples),
            fix=_trim(case, take, 0, last + RATE_HZ, "Trim it as a new take"),
        )  # fmt: skip


def _moments(take: Take) -> list[int]:
    """Every time in a take that means something."""
    spans = [*(w.span for w in take.user_words), *(e.cue for e in take.expectations)]
    spans += [e.window for e in take.expectations]
    spans += [take.instruction] if take.instruction else []
    found = [moment for span in spans for moment in (span.t0, span.t1)] + [e.t_ref for e in take.expectations]
    return [*found, take.stop] if take.stop is not None else found


def _trim(case: Case, take: Take, begin: int, end: int, title: str) -> Fix | None:
    # Pictures would have to be cut, too.
    if take.video:
        return None
    return Fix(title, make=partial(trimmed, item=case.item, take=take, begin=begin, end=end))


def trimmed(folder: Path, *, item: ItemDraft, take: Take, begin: int, end: int) -> Command:
    """Write samples `begin` to `end` of the take as a new one, and add that as the best; the old one stays.

    Raises:
        AppError: the sound cannot be read, or the new one not be written.
    """
    pcm = read_take(folder, take)[begin:end]
    name = free_take_id(folder, item)
    audio = take_path(item.id, name, ".wav")
    sound = write_sound(folder / audio, [pcm])
    made = replace(shifted(take, begin, sound.samples), id=name, audio=audio, sha256=sound.sha256)
    return Together((AddTake(item.id, made), ChooseBest(item.id, name)), label="trim the take")


def shifted(take: Take, begin: int, samples: int) -> Take:
    """`take` as it is in the `samples` samples from `begin` on; nothing of what it says may lie outside them."""
    return replace(
        take,
        samples=samples,
        recording="",
        source=None,
        instruction=take.instruction.shifted(-begin) if take.instruction else None,
        user_words=tuple(UserWord(w.span.shifted(-begin), w.text) for w in take.user_words),
        expectations=tuple(_earlier(e, begin) for e in take.expectations),
        stop=None if take.stop is None else take.stop - begin,
        discarded=False,
    )


def _earlier(value: Expectation, by: int) -> Expectation:
    return replace(value, cue=value.cue.shifted(-by), t_ref=value.t_ref - by, window=value.window.shifted(-by))


def _s(samples: int) -> str:
    return f"{to_seconds(samples):.1f} s"
