"""The lanes of a recording as tiers, for Praat, ELAN, captions and tables."""

from __future__ import annotations

from collections.abc import Iterable

from tmlapp.bench.answer import UTTERANCE_GAP_S
from tmlapp.bench.interchange.tiers import Span, Tier, Tiers
from tmlapp.bench.review.lanes import Lanes, SpokenWord, Utterance
from tmlapp.core.units import NS_PER_S

_FOR_EVER_NS = 1 << 62
_LAST_WORD_NS = NS_PER_S // 5
"""How long a word is shown whose end nobody knows and after which nothing is said."""


def tiers_of_lanes(lanes: Lanes, start_ns: int = 0, end_ns: int | None = None, *, media: tuple[str, ...] = ()) -> Tiers:
    """What is known of the stretch, 0 at its beginning; spans that reach beyond it are cut at its edges.

    Tiers: `user words`, `user`, `user voice`, `model words`, `model` (as received), `heard`, `outputs`,
    `expectations`, `t_ref`, `cue`, `late replies`, `gaps`, `marks`; those without anything are left out.
    """
    tiers = (
        Tier("user words", _words(lanes.user_words)),
        Tier("user", _said(lanes.user_said)),
        Tier("user voice", tuple(Span(a, b, "voice") for a, b in lanes.user_voice)),
        Tier("model words", _words(lanes.model_words)),
        Tier("model", _said(lanes.received)),
        Tier("heard", _said(lanes.heard)),
        Tier("outputs", tuple(Span(o.t_ns, o.t_ns, f"{o.kind}: {o.text}") for o in lanes.outputs), points=True),
        Tier("expectations", tuple(Span(*e.window, _label(e.id, e.meaning, e.outcome)) for e in lanes.expected)),
        Tier(
            "t_ref",
            tuple(Span(e.t_ref_ns, e.t_ref_ns, e.id) for e in lanes.expected if e.t_ref_ns is not None),
            points=True,
        ),
        Tier("cue", tuple(Span(*e.cue, _label(e.id, e.cue_text)) for e in lanes.expected if e.cue)),
        Tier("late replies", _late(lanes)),
        Tier("gaps", tuple(Span(g.t0_ns, g.t1_ns, f"{g.track}, {g.kind}: {g.reason}") for g in lanes.gaps)),
        Tier("marks", tuple(Span(f.t_ns, f.end_ns or f.t_ns, _label(f.kind, f.text)) for f in lanes.flags)),
    )
    cut = (Tier(t.name, tuple(_cut(t.spans, start_ns, end_ns)), t.points) for t in tiers)
    return Tiers(tuple(t for t in cut if t.spans), (end_ns or lanes.duration_ns) - start_ns, media)


def captions_of(lanes: Lanes, start_ns: int = 0, end_ns: int | None = None) -> Tiers:
    """What both sides said, for captions: tiers `user` and `model` (as heard, or as received where nothing was)."""
    user = lanes.user_said or _phrases(lanes.user_words)
    model = lanes.heard or lanes.received
    tiers = (Tier("user", _said(user, 2 * NS_PER_S)), Tier("model", _said(model, 2 * NS_PER_S)))
    cut = tuple(Tier(t.name, tuple(_cut(t.spans, start_ns, end_ns))) for t in tiers)
    return Tiers(cut, (end_ns or lanes.duration_ns) - start_ns)


def _cut(spans: Iterable[Span], start_ns: int, end_ns: int | None) -> Iterable[Span]:
    # The model may go on speaking when the last micro-turn is over: a whole recording has no edge there.
    edge_ns = _FOR_EVER_NS if end_ns is None else end_ns
    for span in sorted(spans):
        if span.t0_ns < edge_ns and (span.t1_ns > start_ns or span.t0_ns >= start_ns):
            yield Span(max(span.t0_ns, start_ns) - start_ns, min(span.t1_ns, edge_ns) - start_ns, span.text)


def _words(words: tuple[SpokenWord, ...]) -> tuple[Span, ...]:
    """A word whose end is not known lasts until the next one begins, a fifth of a second at most."""
    following = [w.t0_ns for w in words[1:]] + [_FOR_EVER_NS]
    return tuple(
        Span(w.t0_ns, min(w.t0_ns + _LAST_WORD_NS, max(w.t0_ns, after)) if w.t1_ns is None else w.t1_ns, w.text)
        for w, after in zip(words, following, strict=False)
    )


def _said(said: tuple[Utterance, ...], shown_ns: int = _LAST_WORD_NS) -> tuple[Span, ...]:
    following = [u.t0_ns for u in said[1:]] + [_FOR_EVER_NS]
    return tuple(
        Span(u.t0_ns, min(u.t0_ns + shown_ns, max(u.t0_ns, after)) if u.t1_ns is None else u.t1_ns, u.text)
        for u, after in zip(said, following, strict=False)
    )


def _phrases(words: tuple[SpokenWord, ...]) -> tuple[Utterance, ...]:
    found: list[list[Span]] = []
    for span in _words(words):
        if found and span.t0_ns - found[-1][-1].t1_ns < UTTERANCE_GAP_S * NS_PER_S:
            found[-1].append(span)
        else:
            found.append([span])
    return tuple(
        Utterance(t0_ns=group[0].t0_ns, t1_ns=group[-1].t1_ns, text=" ".join(s.text for s in group)) for group in found
    )


def _late(lanes: Lanes) -> tuple[Span, ...]:
    replies = lanes.replies
    return tuple(
        Span(int(end), int(end + latency), f"micro-turn {turn}: {latency / 1e6:.0f} ms")
        for turn, end, latency, late in zip(
            replies.turn, replies.end_ns, replies.latency_ns, replies.late, strict=True
        )
        if late and latency >= 0
    )  # fmt: skip


def _label(name: str, *texts: str) -> str:
    first, *rest = [*texts, ""]
    more = "".join(f" ({t})" for t in rest if t)
    return (f"{name}: {first}" if first else name) + more
