"""How the connection to a remote endpoint stands, folded from events; and how it is said. No widget here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tmlapp.core.event import (
    Closed,
    ConnectionChanged,
    ConnectionState,
    Event,
    Granted,
    InputLost,
    Limit,
    RoundTrip,
    SessionUpdated,
)
from tmlapp.core.event import SessionOpened as SessionOpened
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.ui.text import ms_text, tr

SOON_NS = 60 * NS_PER_S
"""With less time left than this, a limit is a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A limit that was announced: `ends_ns` is session time, `ratio` what is used of it; None where it is not told."""

    kind: str
    message: str
    ends_ns: int | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The connection as it is now.

    Attributes:
        state: None as long as nothing was said about a connection: a local endpoint has none.
        lost_turns, lost_video: micro-turns that did not reach the endpoint, whole or without older pictures.
        rtt_ns: of the last ping that was answered.
        connections: how often it was opened.
    """

    state: ConnectionState | None = None
    reason: str = ""
    attempt: int = 0
    lost_turns: int = 0
    lost_video: int = 0
    rtt_ns: int | None = None
    connections: int = 0
    granted: Granted | None = None
    limits: tuple[Ahead, ...] = ()


def fold_link(link: Link, event: Event) -> Link:
    """`link` after `event`."""
    match event:
        case ConnectionChanged():
            opened = event.state == "open" and link.state != "open"
            return replace(
                link,
                state=event.state,
                reason=event.reason,
                attempt=event.attempt,
                connections=link.connections + opened,
            )
        case SessionOpened() | SessionUpdated():
            return replace(link, granted=event.granted)
        case InputLost(what="turn"):
            return replace(link, lost_turns=link.lost_turns + 1)
        case InputLost():
            return replace(link, lost_video=link.lost_video + 1)
        case RoundTrip():
            return replace(link, rtt_ns=event.rtt_ns)
        case Limit():
            return replace(link, limits=(*(a for a in link.limits if a.kind != event.kind), _ahead(event)))
        case Closed() if link.state is not None:
            return replace(link, state="closed", reason=event.reason, attempt=0)
        case _:
            return link


def _ahead(event: Limit) -> Ahead:
    left = event.remaining_ms
    ends_ns = None if left is None else event.t_rx_ns + round(left * NS_PER_MS)
    return Ahead(kind=event.kind, message=event.message, ends_ns=ends_ns, ratio=event.ratio)


def state_word(link: Link) -> str:
    """The state in a word or two."""
    words: dict[str | None, str] = {
        None: "",
        "connecting": tr("connecting"),
        "waiting": tr("waiting in the queue"),
        "configuring": tr("setting up"),
        "open": tr("open"),
        "reconnecting": tr("reconnecting, try {n}").format(n=link.attempt) if link.attempt else tr("reconnecting"),
        "draining": tr("finishing"),
        "closed": tr("closed"),
    }
    return words[link.state]


def state_icon(link: Link) -> str:
    """The icon font's name for the state; empty where there is no connection."""
    return {
        "connecting": "fa6s.plug",
        "waiting": "fa6s.hourglass-half",
        "configuring": "fa6s.sliders",
        "open": "fa6s.circle-check",
        "reconnecting": "fa6s.rotate",
        "draining": "fa6s.arrow-down-short-wide",
        "closed": "fa6s.circle-xmark",
    }.get(link.state or "", "")


def state_level(link: Link) -> str:
    """How it is to be coloured: `good`, `notice`, `act`, or `muted`."""
    return {"open": "good", "reconnecting": "notice", "waiting": "notice", "closed": "muted"}.get(
        link.state or "", "muted"
    )


def link_text(link: Link) -> str:
    """The whole of it in one line: state, reason, round trip, what was lost."""
    parts = [state_word(link)]
    if link.reason and link.state != "open" and link.reason.rstrip(".") != parts[0]:
        parts.append(link.reason.rstrip("."))
    if link.rtt_ns is not None and link.state == "open":
        parts.append(tr("round trip {ms} ms").format(ms=ms_text(link.rtt_ns / NS_PER_MS)))
    if link.lost_turns:
        parts.append(tr("{n} micro-turns lost").format(n=link.lost_turns))
    if link.lost_video:
        parts.append(tr("{n} without older pictures").format(n=link.lost_video))
    return " · ".join(p for p in parts if p)


def left_text(left_ns: int) -> str:
    """`mm:ss` that are left, in words."""
    seconds = max(0, left_ns) // NS_PER_S
    if seconds >= 3600:
        return tr("{h} h {m:02d} min left").format(h=seconds // 3600, m=seconds // 60 % 60)
    return tr("{m}:{s:02d} left").format(m=seconds // 60, s=seconds % 60)


def limit_word(kind: str) -> str:
    """Which limit, in words."""
    return {
        "going_away": tr("connection ends"),
        "expires": tr("session ends"),
        "context": tr("memory of the model"),
        "rate": tr("rate of requests"),
    }.get(kind, kind)


def limit_text(event: Limit) -> str:
    """What is told when a limit is announced."""
    ahead = _ahead(event)
    parts = [event.message or limit_word(event.kind)]
    if ahead.ends_ns is not None:
        parts.append(left_text(ahead.ends_ns - event.t_rx_ns))
    if ahead.ratio is not None:
        parts.append(tr("{n} % used").format(n=round(ahead.ratio * 100)))
    return ", ".join(parts)
