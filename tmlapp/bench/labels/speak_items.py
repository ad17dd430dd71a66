"""Item files of TimeSpeak and CueSpeak: `items.jsonl`, one object per line, checked to the last member.

Format `tmlapp.speak_item/1` is ours: the published items are not public. All times are seconds, 0 at the first sample
of the item's sound. A file with one bad line is rejected as a whole, so that an author sees the mistake at once.
"""

from __future__ import annotations

import hashlib
import math
import re
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.data import is_file, is_inside
from tmlapp.bench.labels.rows import strict_json
from tmlapp.core.errors import AppError

SCHEMA = "tmlapp.speak_item/1"
SUITES = ("timespeak", "cuespeak")
RATE_HZ = 16_000
WINDOW_SPARE_S = 10.0
"""A window may end this long after the sound."""
LENGTH_TOLERANCE_S = 0.05

_ID = re.compile(r"[a-z0-9-]+")


class ItemError(Exception):
    """Why one object is no item; the reader adds file and line."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the model has to say, and when. `window` is None where the suite's default holds."""

    id: str
    kind: Literal["time", "event"]
    cue_s: tuple[float, float]
    cue_text: str
    t_ref_s: float
    window: tuple[float, float] | None
    meaning: str
    accept: tuple[str, ...]
    reject: tuple[str, ...]
    required: bool
    while_user_speaks: bool | None


@dataclass(frozen=True, slots=True)
class SpeakItem:
    """One item; `raw` is the object as it stands in the file, extra members too."""

    suite: str
    id: str
    category: str
    lang: str
    audio: str
    video: str
    duration_s: float
    instruction: str
    instruction_s: tuple[float, float]
    user_words: tuple[tuple[float, float, str], ...]
    expectations: tuple[Expectation, ...]
    stop_s: float | None
    sha256: Mapping[str, str]
    raw: Mapping[str, Any]


def parse_item(raw: object) -> SpeakItem:
    """One object as an item; media are not looked at.

    Raises:
        ItemError: a member is missing, of another type, or contradicts another one.
    """
    item = _object(raw, "the line")
    if item.get("schema") != SCHEMA:
        raise ItemError(f"the schema is {item.get('schema')!r}, not {SCHEMA!r}")
    if item.get("suite") not in SUITES:
        raise ItemError(f"the suite is {item.get('suite')!r}, not timespeak or cuespeak")
    name = _text(item, "id")
    if not _ID.fullmatch(name):
        raise ItemError(f"the id {name!r} has other characters than a-z, 0-9 and -")
    media = _object(item.get("input"), "input")
    duration = _number(media, "duration_s", "input.")
    if duration <= 0:
        raise ItemError(f"input.duration_s is {duration:g}")
    said = _object(item.get("instruction"), "instruction")
    for free in ("notes", "author", "licence", "created_at"):
        if free in item:
            _text(item, free, empty=True)
    return SpeakItem(
        suite=item["suite"],
        id=name,
        category=_text(item, "category"),
        lang=_text(item, "lang", least=2),
        audio=_text(media, "audio", "input."),
        video=_text(media, "video", "input.", empty=True) if media.get("video") is not None else "",
        duration_s=duration,
        instruction=_text(said, "text", "instruction.", empty=True),
        instruction_s=_span(said, "instruction."),
        user_words=tuple(_word(w, f"user_words[{i}]") for i, w in enumerate(_list(item, "user_words"))),
        expectations=_expectations(item, duration),
        stop_s=_number(item, "stop_t") if item.get("stop_t") is not None else None,
        sha256=_digests(media),
        raw=item,
    )


def _expectations(item: Mapping[str, Any], duration: float) -> tuple[Expectation, ...]:
    if "expectations" not in item:
        raise ItemError("expectations is missing")
    found = tuple(_expectation(e, f"expectations[{i}]", duration) for i, e in enumerate(_list(item, "expectations")))
    if not any(e.required for e in found):
        raise ItemError("there is no required expectation")
    names = [e.id for e in found]
    if len(set(names)) != len(names):
        raise ItemError(f"an expectation's id comes twice: {', '.join(names)}")
    return found


def _expectation(raw: object, where: str, duration: float) -> Expectation:
    value, dot = _object(raw, where), f"{where}."
    cue = _object(value.get("cue"), f"{where}.cue")
    if cue.get("kind") not in ("time", "event"):
        raise ItemError(f"{where}.cue.kind is {cue.get('kind')!r}, not time or event")
    t_ref = _number(value, "t_ref", dot)
    if t_ref > duration:
        raise ItemError(f"{where}.t_ref is {t_ref:g} s, outside the {duration:g} s of the sound")
    speaks, required = value.get("while_user_speaks"), value.get("required", True)
    if not isinstance(required, bool) or not (speaks is None or isinstance(speaks, bool)):
        raise ItemError(f"{where}.required and {where}.while_user_speaks are true or false")
    return Expectation(
        id=_text(value, "id", dot),
        kind=cue["kind"],
        cue_s=_span(cue, f"{where}.cue."),
        cue_text=_text(cue, "text", f"{where}.cue.", empty=True) if "text" in cue else "",
        t_ref_s=t_ref,
        window=_window(value.get("window"), where, duration),
        meaning=_text(value, "meaning", dot),
        accept=_texts(value, "accept", dot),
        reject=_texts(value, "reject", dot),
        required=required,
        while_user_speaks=speaks,
    )


def _window(value: object, where: str, duration: float) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ItemError(f"{where}.window is neither null nor [lo, hi]")
    lo, hi = (_finite(v, f"{where}.window") for v in value)
    if hi <= lo:
        raise ItemError(f"{where}.window ends ({hi:g} s) no later than it begins ({lo:g} s)")
    if lo < 0 or hi > duration + WINDOW_SPARE_S:
        raise ItemError(f"{where}.window [{lo:g}, {hi:g}] s lies outside [0, {duration + WINDOW_SPARE_S:g}] s")
    return lo, hi


def _word(raw: object, where: str) -> tuple[float, float, str]:
    word = _object(raw, where)
    return (*_span(word, f"{where}."), _text(word, "text", f"{where}.", empty=True))


def _span(value: Mapping[str, Any], dot: str) -> tuple[float, float]:
    t0, t1 = _number(value, "t0", dot), _number(value, "t1", dot)
    if t1 < t0:
        raise ItemError(f"{dot}t1 ({t1:g} s) lies before {dot}t0 ({t0:g} s)")
    return t0, t1


def _digests(media: Mapping[str, Any]) -> dict[str, str]:
    if media.get("sha256") is None:
        return {}
    value = _object(media["sha256"], "input.sha256")
    return {key: _text(value, key, "input.sha256.").lower() for key in ("audio", "video") if value.get(key) is not None}


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ItemError(f"{where} is {'missing' if value is None else 'no object'}")
    return value


def _list(value: Mapping[str, Any], key: str, dot: str = "") -> Sequence[Any]:
    found = value.get(key, ())
    if not isinstance(found, list | tuple):
        raise ItemError(f"{dot}{key} is no list")
    return found


def _texts(value: Mapping[str, Any], key: str, dot: str) -> tuple[str, ...]:
    found = _list(value, key, dot)
    if not all(isinstance(v, str) for v in found):
        raise ItemError(f"{dot}{key} is no list of texts")
    return tuple(found)


def _text(value: Mapping[str, Any], key: str, dot: str = "", *, empty: bool = False, least: int = 1) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise ItemError(f"{dot}{key} is {'missing' if found is None else 'no text'}")
    if not empty and len(found) < least:
        raise ItemError(f"{dot}{key} is too short: {found!r}")
    return found


def _number(value: Mapping[str, Any], key: str, dot: str = "") -> float:
    if value.get(key) is None:
        raise ItemError(f"{dot}{key} is missing")
    found = _finite(value[key], dot + key)
    if found < 0:
        raise ItemError(f"{dot}{key} is {found:g}")
    return found


def _finite(value: object, where: str) -> float:
    # A whole number in JSON may be too long for a float, and NaN is no JSON but is read as such.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise ItemError(f"{where} is {str(value)[:40]}, not a number of seconds")
    return float(value)


def load_items(path: Path, *, media: bool = True) -> tuple[SpeakItem, ...]:
    """Every item of an `items.jsonl`.

    Args:
        path: the file; paths of media are relative to its folder.
        media: also look at the files: they exist, the sound is 16 kHz mono PCM16, and digests that are given hold.

    Raises:
        AppError: naming the line; nothing of a file with a mistake is used.
    """
    items: dict[str, SpeakItem] = {}
    lines: dict[str, int] = {}
    for number, text in _lines(path):
        try:
            item = parse_item(strict_json(text))
            if item.id in items:
                raise ItemError(f"the id {item.id!r} stands in line {lines[item.id]} already")
            if media:
                check_media(item, path.parent)
        except ValueError as error:
            raise _rejected(path, number, f"it is not JSON: {error}") from error
        except RecursionError as error:
            raise _rejected(path, number, "it is nested too deeply") from error
        except ItemError as error:
            raise _rejected(path, number, str(error)) from error
        items[item.id], lines[item.id] = item, number
    if not items:
        raise _rejected(path, 1, "the file holds no item")
    return tuple(items.values())


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        # Read by line, not at once: a file may be larger than the memory.
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        fix = "Give an items.jsonl in UTF-8, one item per line."
        raise AppError(f"The items {path} cannot be read.", f"{error}.", fix) from error


def _rejected(path: Path, line: int, why: str) -> AppError:
    return AppError(
        f"{path}, line {line}, is not a valid item.",
        f"{why[:1].upper()}{why[1:]}.",
        "Correct the line; nothing of the file was used. The format is described in docs/grading.md.",
    )


def check_media(item: SpeakItem, folder: Path) -> None:
    """The item's files are there and of the right form.

    Raises:
        ItemError: one is missing, its digest differs, or the sound is not 16 kHz mono PCM16.
    """
    for role, name in (("audio", item.audio), ("video", item.video)):
        if not name:
            continue
        path = folder / name
        if not is_inside(name) or not is_file(path):
            raise ItemError(f"the {role} {name} is missing")
        if role in item.sha256 and _sha256(path) != item.sha256[role]:
            raise ItemError(f"the {role} {name} is another file than the item was made with (its sha256 differs)")
    rate, channels, width, _ = _form(folder / item.audio, item.audio)
    if rate != RATE_HZ:
        raise ItemError(f"the sample rate of {item.audio} is {rate} Hz, not {RATE_HZ} Hz")
    if (channels, width) != (1, 2):
        raise ItemError(f"{item.audio} is not mono PCM16: {channels} channels of {8 * width} bits")


def _form(path: Path, name: str) -> tuple[int, int, int, int]:
    try:
        with wave.open(str(path), "rb") as sound:
            return sound.getframerate(), sound.getnchannels(), sound.getsampwidth(), sound.getnframes()
    except (OSError, EOFError, wave.Error) as error:
        raise ItemError(f"the audio {name} is no wav file: {error}") from error


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ItemError(f"{path.name} cannot be read: {error.strerror}") from error


def warnings_of(item: SpeakItem, folder: Path, defaults: Mapping[str, tuple[float, float]]) -> list[str]:
    """What an author should look at, although the item can be used.

    Args:
        folder: where the media lie.
        defaults: the window of each suite around the reference moment, for expectations without one.
    """
    found: list[str] = []
    seconds = _form(folder / item.audio, item.audio)[3] / RATE_HZ
    if not math.isclose(seconds, item.duration_s, abs_tol=LENGTH_TOLERANCE_S):
        found.append(f"{item.id}: duration_s is {item.duration_s:g}, but the sound lasts {seconds:.3f} s")
    for expectation in item.expectations:
        before, after = defaults[item.suite]
        ref = expectation.t_ref_s
        lo, hi = expectation.window or (ref + before, ref + after)
        # CueSpeak asks for speech over the user's; without any the model need not do that.
        if item.suite == "cuespeak" and not any(t0 < hi and t1 > lo for t0, t1, _ in item.user_words):
            found.append(f"{item.id}/{expectation.id}: the user does not speak within the window")
    return found
