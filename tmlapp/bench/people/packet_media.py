"""The sounds of blind packets: cut, made equally loud and equally long, written with nothing but samples.

All sounds are int16 mono at 16 kHz.
"""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tmlapp.bench.answers import user_sound
from tmlapp.bench.people.loudness import equally_loud
from tmlapp.bench.people.questions import Question
from tmlapp.bench.transcripts.placement import read_wav
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ
from tmlapp.recording.reader import Recording

BEFORE_S, AFTER_S = 0.15, 0.35
"""Sound around an utterance that is cut out."""

OPEN_S = 6.0
"""How long an utterance is heard of which only the beginning is known."""

LENGTH_RULE = "as long as the longest of the same question over all runs, in whole seconds"


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What is heard: the model's sound, and the user's where it belongs to the question."""

    model: Pcm
    user: Pcm | None = None


def clip_of(question: Question, aspect: str) -> Clip:
    """The sound that a question is about: the words alone for a meaning, everything for all else.

    Raises:
        AppError: a sound cannot be read.
    """
    model = _model_sound(question)
    if aspect == "meaning":
        return Clip(_words(model, question))
    samples = max(len(model), round((question.duration_s or 0.0) * SAMPLE_RATE_HZ))
    return Clip(_padded(model, samples), _user_sound(question, samples))


def _model_sound(question: Question) -> Pcm:
    parts = [read_wav(path) for path in (question.wav, question.tail_wav) if path is not None and path.is_file()]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def _user_sound(question: Question, samples: int) -> Pcm:
    if question.recording is not None and question.recording.is_file():
        start_ns = round(question.media_t0_s * NS_PER_S)
        return user_sound(Recording.open(question.recording), start_ns, samples)
    if question.sound is not None and question.sound.is_file():
        return _padded(read_wav(question.sound), samples)[:samples]
    return np.zeros(samples, np.int16)


def _words(model: Pcm, question: Question) -> Pcm:
    """The utterances that are judged, cut out of the model's sound; they are heard one after the other."""
    pieces: list[Pcm] = []
    for t0, t1 in question.said_s:
        end = t0 + OPEN_S if t1 is None else t1
        lo = max(0, round((t0 - question.media_t0_s - BEFORE_S) * SAMPLE_RATE_HZ))
        hi = max(lo, round((end - question.media_t0_s + AFTER_S) * SAMPLE_RATE_HZ))
        pieces.append(model[lo:hi])
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


def _padded(pcm: Pcm, samples: int) -> Pcm:
    return np.concatenate([pcm, np.zeros(max(0, samples - len(pcm)), np.int16)])


def finished(clips: Mapping[Hashable, Clip], groups: Mapping[Hashable, Hashable]) -> dict[Hashable, bytes]:
    """Wav files of all `clips`: every model, and every user, at one loudness; clips of one group of one length.

    Args:
        clips: by any name.
        groups: which clips are answers to one question, by the same names.
    """
    names = list(clips)
    models = dict(zip(names, equally_loud([clips[n].model for n in names]), strict=True))
    heard = [n for n in names if clips[n].user is not None]
    users = dict(zip(heard, equally_loud([u for n in heard if (u := clips[n].user) is not None]), strict=True))
    seconds: dict[Hashable, int] = {}
    for name in names:
        length = -(-len(models[name]) // SAMPLE_RATE_HZ)
        seconds[groups[name]] = max(1, length, seconds.get(groups[name], 1))
    made: dict[Hashable, bytes] = {}
    for name in names:
        samples = seconds[groups[name]] * SAMPLE_RATE_HZ
        sound = _padded(models[name], samples)
        if name in users:
            # Two voices at the same place may go beyond the range; half of each never does.
            both = sound.astype(np.int32) + _padded(users[name], samples)[:samples].astype(np.int32)
            sound = (both // 2).astype(np.int16)
        made[name] = wav_bytes(sound)
    return made


def wav_bytes(pcm: Pcm) -> bytes:
    """A wav file of two chunks, `fmt ` and `data`."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
    return out.getvalue()


def write_new(path: Path, data: bytes) -> None:
    """`data` as a new file; on the disk when this returns.

    Raises:
        OSError: it is there already, or cannot be written.
    """
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
