"""WebVTT: captions that browsers and players show. Times are whole milliseconds there; each tier is a voice."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

from tmlapp.bench.interchange.eaf import in_ms
from tmlapp.bench.interchange.textfiles import FormError, read_text, refused, write_text
from tmlapp.bench.interchange.tiers import Span, Tier, Tiers
from tmlapp.core.units import NS_PER_MS

KIND = "WebVTT"
_STAMP = r"(?:([0-9]{2,6}):)?([0-5][0-9]):([0-5][0-9])\.([0-9]{3})"
_TIMES = re.compile(rf"{_STAMP}[ \t]+-->[ \t]+{_STAMP}(?:[ \t].*)?")
# None of them looks past the next "<" for an end that is not there: time grows with the length of the text alone.
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]([^<>]*)>")
_TAG = re.compile(r"<[^<>]*>")


def write_webvtt(path: Path, tiers: Tiers, *, force: bool = False) -> Path:
    """Write every span of `tiers` as a caption, in order of time, with its tier as the voice.

    Raises:
        AppError: the file is there already and `force` is false, or it cannot be written.
    """
    return write_text(path, webvtt_text(tiers), force=force)


def webvtt_text(tiers: Tiers) -> str:
    """The file as text. Line breaks in a caption become spaces; captions without words are left out."""
    cues = sorted((span, tier.name) for tier in tiers.tiers for span in tier.spans if span.text.strip())
    lines = ["WEBVTT", ""]
    for number, (span, name) in enumerate(cues, start=1):
        begin, end = in_ms(span.t0_ns, span.t1_ns)
        said = _escaped(" ".join(span.text.split()))
        lines += [
            str(number),
            f"{_stamp(begin)} --> {_stamp(end)}",
            f"<v {_escaped(' '.join(name.split()))}>{said}</v>",
            "",
        ]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def read_webvtt(path: Path) -> Tiers:
    """Captions as tiers, one for each voice; those without one are in the tier `captions`.

    Raises:
        AppError: it cannot be read, or is malformed: naming the line.
    """
    text = read_text(path)
    try:
        return parse_webvtt(text)
    except FormError as error:
        raise refused(path, error, KIND) from error


def parse_webvtt(text: str) -> Tiers:
    """The captions in the text of a WebVTT file.

    Raises:
        FormError: it is malformed.
    """
    lines = re.split(r"\r\n|\n|\r", text)
    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0]):
        raise FormError(1, "it does not begin with WEBVTT")
    found: dict[str, list[Span]] = {}
    at = 1
    while at < len(lines):
        block: list[tuple[int, str]] = []
        while at < len(lines) and lines[at].strip():
            block.append((at + 1, lines[at]))
            at += 1
        at += 1
        _block(block, found)
    tiers = tuple(Tier(name, tuple(sorted(spans))) for name, spans in found.items())
    return Tiers(tiers, max((s.t1_ns for t in tiers for s in t.spans), default=0))


def _block(block: Sequence[tuple[int, str]], found: dict[str, list[Span]]) -> None:
    timed = next((n for n, (_, line) in enumerate(block[:2]) if "-->" in line), None)
    if timed is None:
        # Header lines, NOTE, STYLE and REGION say nothing about what was said.
        return
    line, text = block[timed]
    match = _TIMES.fullmatch(text.strip())
    if match is None:
        raise FormError(line, f"{text.strip()[:60]!r} are no times of a caption")
    begin, end = _ms(match.groups()[:4]), _ms(match.groups()[4:])
    if end < begin:
        raise FormError(line, "a caption ends before it begins")
    said = "\n".join(part for _, part in block[timed + 1 :])
    voice = _VOICE.search(said)
    name = html.unescape(voice[1]).strip() if voice else "captions"
    found.setdefault(name, []).append(Span(begin * NS_PER_MS, end * NS_PER_MS, html.unescape(_TAG.sub("", said))))


def _ms(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, ms = (int(p or 0) for p in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
