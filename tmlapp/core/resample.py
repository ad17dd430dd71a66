"""Sample rate conversion by one streaming polyphase FIR, the same for devices, files and the loudspeaker."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Pcm

_LOBES = 16
_BETA = 8.0
_PASS = 0.9375
_TAP_BITS = 22
_GROUP = 8
_PORTION = 400_000
# NumPy gives the interpreter lock away for anything longer, and a busy thread keeps it for a whole switch interval.
_QUIET = 500


class Resampler:
    """Converts a stream of mono int16 from one rate to another, block by block.

    n samples in have given exactly `ceil(n * rate_out / rate_in)` samples out, however they were cut into blocks, and
    bit for bit the same ones: taps are integers, so that every sum is exact whatever its order. Pass band 0.9375 of
    the lower rate's half (7.5 kHz of 8 kHz), stop band below -75 dB from 1.125 of it on.

    Attributes:
        rate_in, rate_out: Hz.
        delay_ns: group delay; output sample m shows the input at time `m / rate_out - delay_ns`.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        if rate_in <= 0 or rate_out <= 0:
            raise ValueError(f"rates are positive, not {rate_in} and {rate_out}")
        common = math.gcd(rate_in, rate_out)
        self.rate_in, self.rate_out = rate_in, rate_out
        self._up, self._down = rate_out // common, rate_in // common
        self._same = rate_in == rate_out
        self.delay_ns = 0 if self._same else round(_LOBES * 1e9 / min(rate_in, rate_out))
        self._bank = _filter_bank(self._up, self._down)
        self._group = -(-_GROUP // self._up) * self._up
        self._table: npt.NDArray[np.float64] = np.zeros((0, 0))
        self._table_phase = -1
        self.reset()

    def reset(self) -> None:
        """Forget everything that was pushed."""
        self._taken = 0
        self._given = 0
        self._tail: npt.NDArray[np.float64] = np.zeros(self._bank.shape[1] - 1)

    def count_after(self, frames: int) -> int:
        """How many samples will have come out, from the start on, after `frames` more have been pushed."""
        return -(-(self._taken + frames) * self._up // self._down)

    def frames_for(self, samples: int) -> int:
        """How many more frames have to be pushed until `samples` more come out."""
        target = self._given + samples
        return max(0, (target - 1) * self._down // self._up + 1 - self._taken)

    @property
    def taken(self) -> int:
        """Samples pushed or skipped so far."""
        return self._taken

    def skip(self, frames: int) -> int:
        """As pushing `frames` zeros, without the work: only the number of samples that come out, all of them zero.

        The last `ring_frames` that were pushed have to be zeros already.
        """
        count = self.count_after(frames) - self._given
        self._taken += frames
        self._given += count
        return count

    @property
    def ring_frames(self) -> int:
        """After this many zeros the output is zero."""
        return int(self._bank.shape[1])

    def push(self, pcm: Pcm) -> Pcm:
        """The output that the next int16 [n] of input completes."""
        if self._same:
            self._taken += len(pcm)
            self._given += len(pcm)
            return pcm
        count = self.count_after(len(pcm)) - self._given
        out = self._filter(pcm, count)
        self._taken += len(pcm)
        self._given += count
        result = np.empty(count, np.int16)
        for at in range(0, count, _QUIET):
            piece = out[at : at + _QUIET]
            np.rint(piece, out=piece)
            result[at : at + _QUIET] = np.clip(piece, -32768, 32767, out=piece)
        return result

    def _filter(self, pcm: Pcm, count: int) -> npt.NDArray[np.float64]:
        """Output samples [count], as a matrix product: rows are stretches of input, columns the outputs of each."""
        table = self._table_for(self._given % self._up)
        begin = self._given * self._down // self._up - self._taken
        step = self._group * self._down // self._up
        rows = -(-count // self._group)
        width = len(self._tail)
        data = np.zeros(max(begin + rows * step + len(table), width + len(pcm)))
        data[:width] = self._tail
        for at in range(0, len(pcm), _QUIET):
            piece = pcm[at : at + _QUIET]
            data[width + at : width + at + len(piece)] = piece
        self._tail = data[len(pcm) : len(pcm) + width].copy()
        # Overlapping rows of `data`, made by hand: numpy's own window view costs more than the product below.
        item = data.itemsize
        stretches = np.ndarray((rows, len(table)), data.dtype, data, begin * item, (step * item, item))
        out = np.empty((rows, self._group))
        # In portions, so that the linear algebra library does not wake threads for it.
        portion = max(1, _PORTION // table.size)
        for at in range(0, rows, portion):
            np.matmul(np.ascontiguousarray(stretches[at : at + portion]), table, out=out[at : at + portion])
        return out.reshape(-1)[:count]

    def _table_for(self, phase: int) -> npt.NDArray[np.float64]:
        """Column i holds the taps of the i-th output after one of that phase, moved down to where its input is."""
        if phase != self._table_phase:
            width = self._bank.shape[1]
            outputs = np.arange(phase, phase + self._group)
            shifts = outputs * self._down // self._up - phase * self._down // self._up
            self._table = np.zeros((int(shifts[-1]) + width, self._group))
            for column, (shift, row) in enumerate(zip(shifts, outputs * self._down % self._up, strict=True)):
                self._table[shift : shift + width, column] = self._bank[row]
            self._table_phase = phase
        return self._table


def _filter_bank(up: int, down: int) -> npt.NDArray[np.float64]:
    """Taps [up, width], newest sample last; each row sums to one, in multiples of 2**-22."""
    slow = max(up, down)
    n = np.arange(-_LOBES * slow, _LOBES * slow + 1)
    prototype = np.sinc(n * _PASS / slow) * np.kaiser(len(n), _BETA)
    width = -(-len(prototype) // up)
    rows = np.zeros((width * up,))
    rows[: len(prototype)] = prototype
    bank = rows.reshape(width, up).T[:, ::-1]
    scale = 2.0**_TAP_BITS
    bank = np.rint(bank / bank.sum(axis=1, keepdims=True) * scale)
    # Rounding must not change the gain at 0 Hz, or a constant input would ripple from phase to phase.
    bank[np.arange(up), np.abs(bank).argmax(axis=1)] += scale - bank.sum(axis=1)
    return np.ascontiguousarray(bank / scale)


def resample(pcm: Pcm, rate_in: int, rate_out: int) -> Pcm:
    """All of `pcm` (int16 [n]) at another rate, without delay: `ceil(n * rate_out / rate_in)` samples."""
    if rate_in == rate_out:
        return pcm
    converter = Resampler(rate_in, rate_out)
    count = converter.count_after(len(pcm))
    lead = round(converter.delay_ns * rate_out / 1e9)
    pad = np.zeros(converter.frames_for(count + lead) - len(pcm), np.int16)
    return converter.push(np.concatenate((pcm, pad)))[lead : lead + count]
