"""The model's sound on the session clock, and sound files at 16 kHz."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tmlapp.capture.sound_file import SndfileBlocks, SoundTrack
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, Event, Gap, Heard, Interrupted, TurnStarted
from tmlapp.core.media import Pcm
from tmlapp.core.resample import resample
from tmlapp.core.units import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, samples_to_ns
from tmlapp.live.playout import HeardPiece, LateSound, first_audible
from tmlapp.live.virtual_playout import VirtualPlayout
from tmlapp.recording.reader import Recording

Placing = Literal["received", "heard"]
"""`received`: as a loudspeaker without delay would have played it: each piece begins when it was received and the one
before it has ended, and an interruption throws the rest away. `heard`: what the loudspeaker of the session played."""

_FOR_EVER_NS = 1 << 62
_DEVICE_JITTER_NS = 2 * NS_PER_MS


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Sound without a break: int16 [n] at `rate_hz`, its first sample at session time `t_ns`."""

    t_ns: int
    pcm: Pcm
    rate_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of sound as the endpoint sent it, with the stretch of it that was played (`t0_ns` = `t1_ns`: none)."""

    t0_ns: int
    t1_ns: int
    text: str
    item_id: str
    response_id: str = ""
    interrupted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ModelSound:
    """Everything that came out of the model, placed on the session clock."""

    runs: tuple[Run, ...]
    pieces: tuple[Piece, ...]
    placing: Placing

    @property
    def end_ns(self) -> int:
        """Session time at which the last sound ends; 0 where there is none."""
        return max((r.t_ns + samples_to_ns(len(r.pcm), r.rate_hz) for r in self.runs), default=0)

    def track(self, t0_ns: int, samples: int) -> Pcm:
        """int16 [samples] at 16 kHz from session time `t0_ns` on, silence where there is nothing.

        A sample lies at the place nearest to its time; each run is converted as one piece, so that no seams are heard.
        """
        out: Pcm = np.zeros(max(0, samples), np.int16)
        for run in self.runs:
            begin = ((run.t_ns - t0_ns) * SAMPLE_RATE_HZ + NS_PER_S // 2) // NS_PER_S
            if begin >= samples or run.t_ns + samples_to_ns(len(run.pcm), run.rate_hz) <= t0_ns:
                continue
            pcm = resample(run.pcm, run.rate_hz, SAMPLE_RATE_HZ)[max(0, -begin) : max(0, samples - begin)]
            out[max(0, begin) : max(0, begin) + len(pcm)] = pcm
        return out


def placed_sound(recording: Recording, placing: Placing = "received") -> ModelSound:
    """The model's sound of `recording`."""
    return (
        _received(recording.events((AudioOut, Interrupted, TurnStarted)))
        if placing == "received"
        else _heard(recording)
    )


def model_sound(
    recording: Recording, media_t0_ns: int, samples: int, *, placing: Placing = "received"
) -> tuple[Pcm, Pcm]:
    """The model's sound at 16 kHz, as official scripts want it.

    Args:
        recording: a finished session.
        media_t0_ns: session time of the first input sample.
        samples: length of the input at 16 kHz.
        placing: see `Placing`.

    Returns:
        int16 [samples], sample 0 at the first input sample, and int16 [m]: what was said after the end of the input.
    """
    return cut(placed_sound(recording, placing), media_t0_ns, samples)


def cut(sound: ModelSound, media_t0_ns: int, samples: int) -> tuple[Pcm, Pcm]:
    """As `model_sound`, of sound that was placed already."""
    length_ns = max(0, sound.end_ns - media_t0_ns)
    whole = max(samples, -(-length_ns * SAMPLE_RATE_HZ // NS_PER_S))
    pcm = sound.track(media_t0_ns, whole)
    return pcm[:samples], pcm[samples:]


def _received(events: Iterable[Event]) -> ModelSound:
    playout, late = VirtualPlayout(), LateSound()
    sent: list[AudioOut] = []
    for event in events:
        if late.late(event):
            continue
        if isinstance(event, AudioOut):
            if not event.item_id and not event.text and first_audible(np.frombuffer(event.pcm16, "<i2")) is None:
                # Silence between utterances, from an endpoint that sends sound all the time.
                continue
            # Each piece by itself: where it lies is asked, not how long its item is.
            playout.play(event, str(len(sent)))
            sent.append(event)
        elif isinstance(event, Interrupted):
            playout.flush(event.t_rx_ns)
    pieces, ended = playout.advance(_FOR_EVER_NS)
    heard = [e for e in ended if isinstance(e, Heard)]
    placed = [received_piece(h, sent[int(h.item_id)]) for h in heard]
    return ModelSound(_runs(pieces, None), tuple(_from_onset(placed, [h.audible_ns for h in heard])), "received")


def _from_onset(pieces: Sequence[Piece], audible: Sequence[int | None]) -> Iterator[Piece]:
    """Words begin when they can be heard: an item of many pieces begins with its first audible sample.

    Sound that comes with its whole text (a voice of this app) lies as it is.
    """
    loud = {p.item_id for p, at_ns in zip(pieces, audible, strict=True) if at_ns is not None}
    begun: set[str] = set()
    for piece, at_ns in zip(pieces, audible, strict=True):
        if piece.text or not piece.item_id or piece.item_id in begun or piece.item_id not in loud:
            yield piece
        elif at_ns is not None:
            begun.add(piece.item_id)
            yield replace(piece, t0_ns=at_ns)


def received_piece(heard: Heard, event: AudioOut) -> Piece:
    """The piece of `event`, which was played by itself, as `heard` tells."""
    return Piece(
        t0_ns=heard.t_ns,
        t1_ns=heard.t_ns + heard.dur_ns,
        text=event.text,
        item_id=event.item_id or "",
        response_id=event.response_id or "",
        interrupted=heard.interrupted,
    )


def _heard(recording: Recording) -> ModelSound:
    pieces = [HeardPiece(t_ns, pcm, rate_hz) for t_ns, pcm, rate_hz in recording.heard_pieces()]
    ended = [e for e in recording.events((Heard,)) if isinstance(e, Heard)]
    placed = tuple(_piece(h) for h in ended)
    return ModelSound(_runs(pieces, _DEVICE_JITTER_NS), placed, "heard")


def _piece(heard: Heard) -> Piece:
    return Piece(
        t0_ns=heard.t_ns if heard.audible_ns is None else heard.audible_ns,
        t1_ns=heard.t_ns + heard.dur_ns,
        text=heard.text,
        item_id=heard.item_id,
        interrupted=heard.interrupted,
    )


def _runs(pieces: Sequence[HeardPiece], jitter_ns: int | None) -> tuple[Run, ...]:
    """Pieces that follow one another within `jitter_ns` (None: one sample) as one."""
    runs: list[Run] = []
    held: list[HeardPiece] = []
    samples = 0
    for piece in pieces:
        if held:
            due_ns = held[0].t_ns + samples_to_ns(samples, piece.rate_hz)
            allowed_ns = -(-NS_PER_S // piece.rate_hz) if jitter_ns is None else jitter_ns
            if piece.rate_hz != held[0].rate_hz or abs(piece.t_ns - due_ns) >= allowed_ns:
                runs.append(_joined(held))
                held, samples = [], 0
        held.append(piece)
        samples += len(piece.pcm)
    return (*runs, _joined(held)) if held else tuple(runs)


def _joined(pieces: Sequence[HeardPiece]) -> Run:
    return Run(pieces[0].t_ns, np.concatenate([p.pcm for p in pieces]), pieces[0].rate_hz)


def read_wav(path: Path) -> Pcm:
    """A sound file (WAV, FLAC, Ogg, MP3, …; any rate, any number of channels) as int16 [n] mono at 16 kHz.

    16-bit mono sound at 16 kHz comes back bit for bit.

    Raises:
        AppError: it is missing, cannot be read, or ends before its header says it does.
    """
    if not path.is_file():
        raise AppError(f"The sound {path} cannot be read.", "There is no such file.", "Check the path.")
    blocks = SndfileBlocks(path)
    parts: list[Pcm] = [np.zeros(0, np.int16)]
    try:
        # The digest stands in the track's description, which nobody asks for here.
        track = SoundTrack(path, blocks, sha256="")
        while len(part := track.read(SAMPLE_RATE_HZ * 10)):
            parts.append(part)
    finally:
        blocks.close()
    for event in track.take_events():
        if isinstance(event, Gap):
            raise AppError(f"The sound {path} is damaged.", event.reason, "Copy it again.")
    return np.concatenate(parts)


def write_wav(path: Path, pcm: Pcm, rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """`pcm` (int16 [n]) as 16-bit mono WAV; the file is there in full or not at all.

    Raises:
        AppError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise AppError(f"The sound {path} cannot be written.", f"{error.strerror}.", "Make room there.") from error
