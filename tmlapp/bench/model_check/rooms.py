"""Rooms to listen in: impulse responses by image sources, a small loudspeaker, delays and levels; all from a seed.

Image sources: Allen and Berkley 1979, box-shaped rooms, one reflection factor for all walls from Sabine's formula for
the wanted reverberation time. Late images are drawn a little out of place, so that the box does not ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmlapp.bench.model_check.material import Sound, active_rms
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ, TURN_SAMPLES

SOUND_M_S = 343.0
RT60_S = (0.2, 0.6)
DELAY_S = (0.04, 0.25)
SIZES_M = ((2.8, 6.0), (2.4, 5.0), (2.3, 3.0))
SPEAKER_TO_MICROPHONE_M = (0.25, 0.8)
PERSON_TO_MICROPHONE_M = (0.5, 1.4)

DRIVE = (0.5, 3.0)
"""The membrane does tanh(drive x) / drive: at a peak of 0.35 about 0.3 to 9 % of third harmonic."""

HUM_DBFS = -72.0
"""Noise of a quiet room in a microphone."""

_WALL_M = 0.4
_JITTER = 0.08
_HIGH_PASS_HZ = 60.0
_SPEAKER_HZ = 180.0
_LONGEST_S = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A drawn room: responses from the loudspeaker and the person to the microphone, and the way of the sound.

    Attributes:
        name: its number and what was drawn, for reports.
        speaker, person: impulse responses, direct sound first, energy 1.
        delay: samples from the canceller's reference to the loudspeaker's membrane and back into the computer.
        drive: how hard the loudspeaker is driven; 0 would be linear.
    """

    name: str
    rt60_s: float
    speaker: Sound
    person: Sound
    delay: int
    drive: float


def draw_room(seed: int, number: int) -> Room:
    """Room `number` of those of `seed`."""
    random = np.random.default_rng((seed, number))
    size = np.array([random.uniform(*bounds) for bounds in SIZES_M])
    rt60 = float(random.uniform(*RT60_S))
    microphone = _inside(random, size)
    speaker = _near(random, size, microphone, SPEAKER_TO_MICROPHONE_M)
    person = _near(random, size, microphone, PERSON_TO_MICROPHONE_M)
    delay = float(random.uniform(*DELAY_S))
    return Room(
        name=f"room {number} ({size[0]:.1f} x {size[1]:.1f} x {size[2]:.1f} m, {rt60:.2f} s, {delay * 1000:.0f} ms)",
        rt60_s=rt60,
        speaker=response(size, speaker, microphone, rt60, random),
        person=response(size, person, microphone, rt60, random),
        delay=round(delay * SAMPLE_RATE_HZ),
        drive=float(random.uniform(*DRIVE)),
    )


def response(
    size: npt.NDArray[np.float64],
    source: npt.NDArray[np.float64],
    microphone: npt.NDArray[np.float64],
    rt60_s: float,
    random: np.random.Generator,
) -> Sound:
    """Impulse response of a box of `size` (m) from `source` to `microphone`, float64 [n] at 16 kHz, energy 1.

    It begins with the direct sound and ends where images arrive later than the reverberation time.
    """
    surface = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    absorbed = min(0.99, 0.161 * float(np.prod(size)) / (surface * rt60_s))
    reflection = np.sqrt(1 - absorbed)
    reach_m = SOUND_M_S * min(rt60_s, _LONGEST_S)
    axes = [_images(size[i], source[i], microphone[i], reach_m) for i in range(3)]
    (x, nx), (y, ny), (z, nz) = axes
    squared = x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2
    inside = squared <= reach_m**2
    order = (nx[:, None, None] + ny[None, :, None] + nz[None, None, :])[inside]
    distance = np.sqrt(squared[inside])
    direct = float(distance.min())
    late = order > 1
    distance = np.where(late, distance + random.uniform(-_JITTER, _JITTER, len(distance)), distance)
    place = np.maximum(0.0, (distance - direct) / SOUND_M_S * SAMPLE_RATE_HZ)
    strength = reflection**order / np.maximum(distance, 0.1)
    whole = place.astype(np.int64)
    part = place - whole
    length = int(whole.max()) + 2
    early = np.bincount(whole, strength * (1 - part), length).astype(np.float64)
    found = high_passed(early + np.bincount(whole + 1, strength * part, length), _HIGH_PASS_HZ)
    return np.asarray(found / np.sqrt((found * found).sum()))


def _images(
    length: float, source: float, microphone: float, reach_m: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Along one axis: distance of each image from the microphone, and how many walls its sound has met."""
    most = int(np.ceil(reach_m / (2 * length))) + 1
    n = np.arange(-most, most + 1)
    straight, mirrored = 2 * n * length + source - microphone, 2 * n * length - source - microphone
    walls = np.concatenate([np.abs(2 * n), np.abs(2 * n - 1)])
    distance = np.concatenate([straight, mirrored])
    kept = np.abs(distance) <= reach_m
    return distance[kept], walls[kept]


def _inside(random: np.random.Generator, size: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(random.uniform(_WALL_M, size - _WALL_M))


def _near(
    random: np.random.Generator,
    size: npt.NDArray[np.float64],
    middle: npt.NDArray[np.float64],
    bounds: tuple[float, float],
) -> npt.NDArray[np.float64]:
    """A place in the room at a drawn distance from `middle`, held off the walls."""
    way = random.normal(size=3)
    place = middle + way / np.linalg.norm(way) * random.uniform(*bounds)
    return np.clip(place, 0.1, size - 0.1)


def high_passed(sound: Sound, corner_hz: float) -> Sound:
    """One pole, from silence on."""
    # As a convolution with its own decaying answer: numpy has no recursive filter.
    pole = float(np.exp(-2 * np.pi * corner_hz / SAMPLE_RATE_HZ))
    length = int(np.ceil(np.log(1e-4) / np.log(pole)))
    answer = np.concatenate([[1.0], -(1 - pole) * pole ** np.arange(length)])
    return Filter(answer).whole(sound)[: len(sound)]


class Filter:
    """A long FIR on a stream, block by block."""

    def __init__(self, taps: Sound) -> None:
        self._taps = np.asarray(taps, np.float64)
        self._rest: Sound = np.zeros(len(taps) - 1)
        self._spectra: dict[int, npt.NDArray[np.complex128]] = {}

    def push(self, block: Sound) -> Sound:
        """The output for `block`, float64 [n] for [n]."""
        both = self._convolved(block)
        both[: len(self._rest)] += self._rest
        self._rest = both[len(block) :]
        return both[: len(block)]

    def whole(self, sound: Sound) -> Sound:
        """All of a sound with its tail, float64 [n + taps - 1], from silence on."""
        return self._convolved(sound)

    def _convolved(self, block: Sound) -> Sound:
        count = len(block) + len(self._taps) - 1
        size = 1 << max(0, count - 1).bit_length()
        if size not in self._spectra:
            self._spectra[size] = np.fft.rfft(self._taps, size)
        found = np.fft.irfft(np.fft.rfft(block, size) * self._spectra[size], size)
        return np.asarray(found[:count])


class Loudspeaker:
    """From the heard track to its echo in the microphone: delay, a small membrane that saturates, the room.

    `gain` scales the echo; `set_level` finds it for a wanted level.
    """

    def __init__(self, room: Room, gain: float = 1.0) -> None:
        self._drive = room.drive
        pole = float(np.exp(-2 * np.pi * _SPEAKER_HZ / SAMPLE_RATE_HZ))
        length = int(np.ceil(np.log(1e-4) / np.log(pole)))
        self._membrane = Filter(np.concatenate([[1.0], -(1 - pole) * pole ** np.arange(length)]))
        self._air = Filter(np.concatenate([np.zeros(room.delay), room.speaker]))
        self.gain = gain

    def push(self, played: Sound) -> Sound:
        """The echo in the microphone, float64 [n], while `played` leaves the computer."""
        moved = self._membrane.push(played)
        if self._drive > 0:
            moved = np.tanh(self._drive * moved) / self._drive
        return self._air.push(moved) * self.gain

    @staticmethod
    def gain_for(room: Room, typical: Sound, dbfs: float) -> float:
        """The gain at which `typical`, when played, arrives with an active level of `dbfs`."""
        level = active_rms(Loudspeaker(room).push(typical))
        if level <= 0:
            raise ValueError("a level cannot be found from silence")
        return float(10 ** (dbfs / 20) / level)


def in_room(sound: Sound, room: Room) -> Sound:
    """What the person's `sound` is like at the microphone, with its reverberation: float64 [n + tail]."""
    return Filter(room.person).whole(sound)


def hum(length: int, random: np.random.Generator, dbfs: float = HUM_DBFS) -> Sound:
    """Noise of a quiet microphone."""
    return np.asarray(random.normal(0, 10 ** (dbfs / 20), length))


def turns_in(seconds: float) -> int:
    """Micro-turns that hold `seconds`."""
    return int(np.ceil(seconds * SAMPLE_RATE_HZ / TURN_SAMPLES))


def sample_at(t_ns: int) -> int:
    return round(t_ns * SAMPLE_RATE_HZ / NS_PER_S)
