"""Lines of text drawn into pictures."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tmlapp.core.media import Picture
from tmlapp.core.units import s_to_ns

FONT = "FONT_HERSHEY_SIMPLEX"
HEIGHT_SHARE = 0.045
"""Height of a capital letter as a share of the picture's height."""
MARGIN_SHARE = 0.05
WIDTH_SHARE = 0.9
_LEAST_PX = 8.0
_CAPITAL_PX = 21.0
_LEADING = 1.7


@dataclass(frozen=True, slots=True)
class Line:
    """A text that stands in the picture from `t0_s` to before `t1_s` (video time)."""

    t0_s: float
    t1_s: float
    text: str


def drawable(text: str) -> str:
    """`text` in the characters that the font has (ASCII): accents are taken off, everything else becomes `?`."""
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'").replace("\u2018", "'"))
    plain = plain.replace("\u201c", '"').replace("\u201d", '"').replace("\u2013", "-").replace("\u2014", "-")
    kept = "".join(c for c in plain.replace("\u2026", "...") if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else "?" if not c.isspace() else " " for c in kept)


class Subtitles:
    """Draws the lines of a video: white with a black edge, at the bottom in the middle, wrapped at 90 % of the width.

    Lines that stand at the same time are drawn in their order, one below the other.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = [(s_to_ns(line.t0_s), s_to_ns(line.t1_s), drawable(line.text)) for line in lines]

    @property
    def info(self) -> dict[str, Any]:
        """How they are drawn, for the recording."""
        return {
            "lines": len(self._lines),
            "font": f"OpenCV {FONT}",
            "capital_height": f"{HEIGHT_SHARE:g} of the picture's height, at least {_LEAST_PX:g} px",
            "position": f"bottom, centred, {MARGIN_SHARE:g} of the height above the edge",
            "wrapped_at": f"{WIDTH_SHARE:g} of the width",
            "colour": "white, black edge",
        }

    def at(self, t_ns: int) -> tuple[str, ...]:
        """What stands in the picture at video time `t_ns`."""
        return tuple(text for t0_ns, t1_ns, text in self._lines if t0_ns <= t_ns < t1_ns and text.strip())

    def drawn(self, picture: Picture, t_ns: int) -> Picture:
        """`picture` (BGR) with the lines of `t_ns`; the same array where there are none."""
        texts = self.at(t_ns)
        if not texts:
            return picture
        height, width = picture.shape[:2]
        capital = max(_LEAST_PX, height * HEIGHT_SHARE)
        scale, stroke = capital / _CAPITAL_PX, max(1, round(capital / 12))
        face = getattr(cv2, FONT)
        rows = [row for text in texts for row in _wrapped(text, face, scale, stroke, width * WIDTH_SHARE)]
        out = np.ascontiguousarray(picture.copy())
        for up, row in enumerate(reversed(rows)):
            (wide, _), _ = cv2.getTextSize(row, face, scale, stroke)
            at = (max(0, (width - wide) // 2), round(height * (1 - MARGIN_SHARE) - up * capital * _LEADING))
            cv2.putText(out, row, at, face, scale, (0, 0, 0), 3 * stroke, cv2.LINE_AA)
            cv2.putText(out, row, at, face, scale, (255, 255, 255), stroke, cv2.LINE_AA)
        return out


def _wrapped(text: str, face: int, scale: float, stroke: int, most_px: float) -> list[str]:
    rows: list[str] = []
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        (wide, _), _ = cv2.getTextSize(longer, face, scale, stroke)
        if rows and wide <= most_px:
            rows[-1] = longer
        else:
            rows.append(word)
    return rows
