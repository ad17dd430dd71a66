"""What was granted, as lines for a person. No widget here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tmlapp.core.event import Granted
from tmlapp.core.units import NS_PER_MS
from tmlapp.ui.endpoints.link import SOON_NS, Link, left_text, limit_word, link_text
from tmlapp.ui.text import bytes_text, ms_text, tr


@dataclass(frozen=True, slots=True)
class Fact:
    """A line: what, how, and whether it asks for attention."""

    what: str
    how: str
    warn: bool = False


def facts_of(granted: Granted) -> list[Fact]:
    """Everything that the endpoint agreed to, most needed first."""
    found = [
        Fact(tr("Model"), granted.name or granted.endpoint),
        Fact(tr("Where"), _where(granted)),
        Fact(tr("Takes"), _media(granted.modalities_in, granted.input_rate)),
        Fact(tr("Gives"), _media(granted.modalities_out, granted.output_rate)),
        Fact(tr("Cadence"), _cadence(granted)),
        Fact(tr("Turns"), _owner(granted)),
        Fact(tr("Can be"), _abilities(granted)),
    ]
    if granted.frames_per_unit or granted.max_image_bytes:
        found.append(Fact(tr("Pictures"), _pictures(granted)))
    if granted.clock_kind:
        clock = {
            "input": tr("positions in what we sent"),
            "output": tr("positions in what it says"),
            "session": tr("its own session time"),
        }[granted.clock_kind]
        found.append(Fact(tr("Its clock"), clock))
    if granted.input_delay_ms:
        found.append(Fact(tr("Our conversion"), tr("adds {ms} ms").format(ms=ms_text(granted.input_delay_ms))))
    return found


def details_of(granted: Granted) -> list[Fact]:
    """What else it said about itself, in its own words; what is empty says nothing."""
    known = ((key.replace("_", " "), _plain(value)) for key, value in granted.details.items())
    return [Fact(key, text) for key, text in known if text]


def limits_of(link: Link, t_ns: int) -> list[Fact]:
    """The connection and every limit that was announced, with what is left at session time `t_ns`."""
    found = []
    if link.state is not None:
        found.append(Fact(tr("Connection"), link_text(link), link.state == "reconnecting" or link.lost_turns > 0))
    kinds = {ahead.kind for ahead in link.limits}
    granted = link.granted
    if granted is not None and granted.expires_at_ms is not None and "expires" not in kinds:
        left = granted.expires_at_ms * NS_PER_MS - t_ns
        found.append(Fact(_capital(limit_word("expires")), left_text(left), left < SOON_NS))
    for ahead in link.limits:
        parts = []
        warn = False
        if ahead.ends_ns is not None:
            parts.append(left_text(ahead.ends_ns - t_ns))
            warn = ahead.ends_ns - t_ns < SOON_NS
        if ahead.ratio is not None:
            parts.append(tr("{n} % used").format(n=round(ahead.ratio * 100)))
            warn = warn or ahead.ratio > 0.9
        if ahead.message:
            parts.append(ahead.message)
        found.append(Fact(_capital(limit_word(ahead.kind)), ", ".join(parts) or tr("announced"), warn))
    return found


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _where(granted: Granted) -> str:
    if granted.local:
        return " · ".join(p for p in (tr("on this machine"), granted.provider) if p)
    return " · ".join(p for p in (granted.provider, granted.endpoint) if p)


def _media(kinds: tuple[str, ...], rate: int) -> str:
    if not kinds:
        return tr("not said")
    sound = any(k in kinds for k in ("audio", "sound", "speech"))
    return ", ".join(kinds) + (tr(" at {khz:g} kHz").format(khz=rate / 1000) if sound else "")


def _cadence(granted: Granted) -> str:
    every = tr("every {ms} ms").format(ms=granted.unit_ms)
    if granted.first_unit_ms and granted.first_unit_ms != granted.unit_ms:
        every += tr(", the first after {ms} ms").format(ms=granted.first_unit_ms)
    return every + (tr(", each one acknowledged") if granted.acknowledges_units else "")


def _owner(granted: Granted) -> str:
    owner = {
        "model": tr("the model decides when it speaks"),
        "server_vad": tr("the service speaks when it hears a pause"),
        "semantic_vad": tr("the service speaks when a thought seems finished"),
        "client": tr("it speaks when we ask it to"),
    }.get(granted.turn_owner, granted.turn_owner)
    unasked = tr("may speak unasked") if granted.proactive else tr("never speaks unasked")
    return f"{owner}; {unasked}"


def _abilities(granted: Granted) -> str:
    pairs = (
        (granted.can_interrupt, tr("interrupted")),
        (granted.can_truncate, tr("told what was heard")),
        (granted.can_ack_playback, tr("told what is played")),
        (granted.can_resume, tr("resumed")),
    )
    return "   ".join(f"{'✓' if can else '✕'} {word}" for can, word in pairs)


def _pictures(granted: Granted) -> str:
    parts = []
    if granted.frames_per_unit:
        parts.append(tr("up to {n} in each unit").format(n=granted.frames_per_unit))
    if granted.max_image_bytes:
        parts.append(tr("{size} each at most").format(size=bytes_text(granted.max_image_bytes)))
    return ", ".join(parts)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, dict):
        return ", ".join(f"{str(k).replace('_', ' ')} {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    return str(value)
