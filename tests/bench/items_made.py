"""Sets of items as a person makes them, for tests: real commands, real files, sound that can be told apart."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.bench.authoring.commands import AddItem, AddSpeaker, AddTake, SetField
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.media import write_sound
from tmlapp.bench.authoring.model import Expectation, ItemDraft, ItemSet, Span, Speaker, Take, UserWord
from tmlapp.core.media import Pcm

RATE = 16_000
CUE_TEXTS = ("mariposa", "Handschuh", "fenêtre", "zapato", "時計", "кот")


def s(seconds: float) -> int:
    """Seconds as samples."""
    return round(seconds * RATE)


def speech_like(seconds: float, seed: int, *, level: float = 6000.0) -> Pcm:
    """Syllables of buzzing tones: loud and soft, high and low by chance. Not speech, but never twice the same."""
    rng = np.random.default_rng(seed)
    out = np.zeros(s(seconds))
    at = 0
    while at < len(out):
        length = int(rng.integers(s(0.08), s(0.3)))
        t = np.arange(length) / RATE
        pitch = rng.uniform(90, 240)
        tone = sum(rng.uniform(0.05, 1.0) * np.sin(2 * np.pi * pitch * k * t) for k in range(1, 16))
        out[at : at + length] = (tone * np.hanning(length) * rng.uniform(0.3, 1.0))[: len(out) - at]
        at += length + int(rng.integers(0, s(0.08)))
    return (out * (level / max(1.0, float(np.abs(out).max())))).astype(np.int16)


def room(seconds: float, seed: int = 0, level: float = 8.0) -> Pcm:
    """Faint noise."""
    return np.random.default_rng(seed).normal(0.0, level, s(seconds)).astype(np.int16)


def take_sound(seed: int, seconds: float = 8.0) -> Pcm:
    """0.3 s of room, an instruction until 2.4 s, a phrase from 3.0 s to 0.5 s before the end."""
    return _take_sound(seed, seconds).copy()


@lru_cache(maxsize=64)
def _take_sound(seed: int, seconds: float) -> Pcm:
    out = room(seconds, seed).astype(np.int32)
    for begin, end, salt in ((0.3, 2.4, 0), (3.0, seconds - 0.5, 1)):
        out[s(begin) : s(end)] += speech_like(end - begin, 2 * seed + salt)[: s(end) - s(begin)]
    return np.clip(out, -32768, 32767).astype(np.int16)


SPEAKERS = tuple(
    Speaker(f"s-{n:03d}", True, "2026-11-22", "en-GB", "Scarlett 2i2, lavalier", "office, carpet") for n in range(1, 5)
)


def cuespeak_take(name: str, audio: str, samples: int, sha256: str, *, cue: str = "mariposa", **more: Any) -> Take:
    """A take in which the cue ends at 4.6 s and the user goes on speaking."""
    expected = Expectation(
        id="e1", kind="event", cue=Span(s(4.0), s(4.6)), t_ref=s(4.6), window=Span(s(4.3), s(7.2)), cue_text=cue,
        meaning="gives the English word butterfly", accept=("butterfly",), reject=("moth",), while_user_speaks=True,
    )  # fmt: skip
    values: dict[str, Any] = {
        "speaker": "s-001", "instruction": Span(s(0.3), s(2.4)), "created_utc": "2026-11-22T10:00:00+00:00",
        "user_words": (UserWord(Span(s(3.0), s(7.4)), f"yesterday I saw a {cue} on the fence"),),
        "expectations": (expected,),
    }  # fmt: skip
    return Take(id=name, audio=audio, samples=samples, sha256=sha256, **(values | more))


def add_item(
    editor: Editor, name: str, seed: int, *, pcm: Pcm | None = None, item: dict[str, Any] | None = None, **take: Any
) -> None:
    """An item of CueSpeak with one take whose sound lies in the set."""
    sound = take_sound(seed) if pcm is None else pcm
    audio = f"takes/{name}/t1.wav"
    written = write_sound(editor.folder / audio, [sound])
    cue = CUE_TEXTS[seed % len(CUE_TEXTS)]
    values: dict[str, Any] = {
        "category": "codeswitch", "lang": "en", "instruction": INSTRUCTIONS[seed % len(INSTRUCTIONS)].format(n=seed),
        "script": f"yesterday I saw a {cue} on the fence", "author": "lab", "created_at": "2026-11-22",
    }  # fmt: skip
    draft = ItemDraft(id=name, suite="cuespeak", **(values | (item or {})))
    editor.do(AddItem(draft))
    made = cuespeak_take("t1", audio, written.samples, written.sha256, cue=cue)
    editor.do(AddTake(name, replace(made, **take)))


INSTRUCTIONS = (
    "Everytime I codeswitch and use another language, give me the correct word in the original language.",
    "Say the opposite of each adjective as soon as you hear it.",
    "Whenever I name an animal, tell me the sound that it makes.",
    "Correct my grammar at once when I make a mistake.",
    "Count aloud each time somebody claps.",
    "Translate every French noun into German while I go on reading.",
)


def new_set(folder: Path, items: int = 3, *, speakers: Sequence[Speaker] = SPEAKERS[:2]) -> Path:
    """A set without findings, saved; speakers take turns."""
    with Editor.open(folder) as editor:
        for name, value in (
            ("name", "Codeswitch"), ("suite", "cuespeak"), ("version", "1.0.0"), ("licence", "CC-BY-4.0"),
            ("author", "The lab"), ("description", "Read aloud in an office."),
        ):  # fmt: skip
            editor.do(SetField(name, value))  # type: ignore[arg-type]
        for speaker in speakers:
            editor.do(AddSpeaker(speaker))
        for n in range(items):
            add_item(editor, f"cs-{n + 1:04d}", n, speaker=speakers[n % len(speakers)].id)
    return folder


def many_items(count: int) -> ItemSet:
    """A state of many items whose takes share one name of a file; no files."""
    words = WORDS.split()
    items = tuple(
        ItemDraft(
            id=f"cs-{n:04d}", suite="cuespeak", category="codeswitch", lang="en",
            instruction=f"Item {n}: " + " ".join(words[(n * k + k) % len(words)] for k in range(1, 14)),
            takes=(cuespeak_take("t1", f"takes/cs-{n:04d}/t1.wav", s(8.0), f"{n:064x}"),), best="t1", licence="CC0-1.0",
        )
        for n in range(count)
    )  # fmt: skip
    return ItemSet(name="Many", suite="cuespeak", version="1.0.0", licence="CC0-1.0", speakers=SPEAKERS, items=items)


WORDS = """
    window butterfly glove river train cloud bottle ladder candle mirror garden pocket hammer violin basket engine
    feather island jacket kettle lemon marble needle orange pencil quarry ribbon saddle tunnel umbrella valley whistle
"""


def write_wav(path: Path, pcm: Pcm, *, rate: int = RATE, channels: int = 1) -> Path:
    """A wav of any rate and number of channels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.repeat(pcm, channels).astype("<i2").tobytes())
    return path


class FarEndpoint:
    """An endpoint on another machine that nobody opens."""

    address, local, host = "far:away", False, "example.org"

    def check(self, instruction: str) -> None:
        """Always fine."""

    def open(self, setup: Any, sink: Any) -> Any:
        raise AssertionError("it must not be opened")
