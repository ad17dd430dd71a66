"""A try in the few words of its card."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from tmlapp.ui.items.tried import TryRow
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.bench.authoring.trying_tried import Meaning, Timing, Tried

Mood = Literal["good", "notice", "bad", "muted"]


def row_of_try(tried: Tried, *, stale: bool, open_: Callable[[], object] | None) -> TryRow:
    """Verdict, what was said, and whether it still holds."""
    if tried.error:
        why = " ".join(tried.error.get(k, "") for k in ("what", "why"))
        return TryRow(tried.endpoint, tr("✕ failed"), "bad", stale=stale, detail=why, open=open_)
    wanted = [t for t in tried.timing if t.required] or list(tried.timing)
    meanings = {m.expectation: m for m in tried.meaning}
    said = next((t.text for t in wanted if t.text), "")
    verdict, mood = (
        _one(wanted[0], meanings.get(wanted[0].expectation)) if len(wanted) == 1 else _many(wanted, meanings)
    )
    return TryRow(tried.endpoint, verdict, mood, said, stale, None, _detail(tried, wanted, meanings), open_)


def _one(timing: Timing, meaning: Meaning | None) -> tuple[str, Mood]:
    at = f"{timing.onset_s:.2f} s" if timing.onset_s is not None else ""
    if timing.verdict == "silent":
        return tr("✕ silent"), "bad"
    if timing.verdict != "in_window":
        word = tr("late") if timing.verdict == "late" else tr("early")
        return f"▲ {at} {word}", "notice"
    ruled = meaning.verdict if meaning is not None else "not_asked"
    if ruled == "right":
        return tr("{at} ✓ meaning ✓").format(at=at), "good"
    if ruled == "wrong":
        return tr("{at} ✓ meaning ✕").format(at=at), "bad"
    return tr("{at} ✓ meaning ?").format(at=at), "notice"


def _many(wanted: list[Timing], meanings: dict[str, Meaning]) -> tuple[str, Mood]:
    """Several expectations: how many replies came in time, and how many of those were right."""
    timed = [t for t in wanted if t.verdict == "in_window"]
    right = [t for t in timed if (m := meanings.get(t.expectation)) is not None and m.verdict == "right"]
    text = tr("{n} of {m} in time · {k} right").format(n=len(timed), m=len(wanted), k=len(right))
    if len(right) == len(wanted):
        return f"✓ {text}", "good"
    return (f"▲ {text}", "notice") if timed else (tr("✕ silent") if not any(t.text for t in wanted) else text, "bad")


def _detail(tried: Tried, wanted: list[Timing], meanings: dict[str, Meaning]) -> str:
    parts = []
    for timing in wanted if len(wanted) > 1 else ():
        verdict, _ = _one(timing, meanings.get(timing.expectation))
        parts.append(f"{timing.expectation} {verdict}")
    wrong = next((m.why for m in meanings.values() if m.verdict in ("wrong", "ungraded") and m.why), "")
    judge = tr("judge {name}").format(name=tried.judge) if tried.judge else ""
    return " · ".join(p for p in (*parts, wrong, judge) if p)
