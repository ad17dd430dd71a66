"""What whoever judges blind may see: nothing that tells the model, the file, or what others have judged."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tmlapp.bench.annotations import QA, TAG, VERDICT
from tmlapp.bench.review.lanes import Flag, Lanes
from tmlapp.bench.review.opened import Review
from tmlapp.bench.review.why import Why
from tmlapp.recording.names import base_of

_JUDGED = (VERDICT, QA, TAG)
_TOLD = ("notice", "error")
"""Kinds whose text is the endpoint's."""

_LEAST = 3
"""A shorter name is also a word, or part of any number."""


def blind_lanes(found: Lanes, mine: Collection[str] = ()) -> Lanes:
    """`found` without grades, outcomes, what other people have noted, and the endpoint's own texts and numbers.

    Args:
        mine: ids of annotations of whoever looks.
    """
    return replace(
        found,
        grades=(),
        expected=tuple(replace(e, outcome="", passed=None, output=None) for e in found.expected),
        flags=tuple(_blind_flag(f) for f in found.flags if _may_be_seen(f, mine)),
        untimed=(),
        signals=(),
        speech=(),
        gaps=tuple(replace(g, reason="") for g in found.gaps),
        problems=(),
    )


def _may_be_seen(flag: Flag, mine: Collection[str]) -> bool:
    return flag.kind not in _JUDGED and (not flag.who or flag.id in mine)


def _blind_flag(flag: Flag) -> Flag:
    return replace(flag, text="" if flag.kind in _TOLD else flag.text, who="", when="", data={})


def blind_why(found: Why) -> Why:
    """`found` without the model's own numbers, whose names tell it, its task, and the file."""
    return replace(
        found,
        rows=tuple(replace(row, diagnostics={}, compute_ns=None) for row in found.rows),
        task="",
        task_params={},
        link="",
    )


@dataclass(frozen=True, slots=True)
class Names:
    """Texts that name a model or a file, the longest first."""

    texts: tuple[str, ...] = ()

    @classmethod
    def of(cls, reviews: Iterable[Review], paths: Iterable[Path] = ()) -> Names:
        """Those of recordings that are open, and of files that are not."""
        found: set[str] = set()
        for review in reviews:
            found |= _of_recording(review)
        for path in paths:
            found |= {str(path), path.name, base_of(path)}
        return cls(tuple(sorted((t for t in found if len(t) >= _LEAST), key=lambda t: (-len(t), t))))

    def masked(self, text: str) -> str:
        """`text` with each of the names replaced by an ellipsis; a name within another word stays."""
        for name in self.texts:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", text, flags=re.IGNORECASE)
        return text


def _of_recording(review: Review) -> set[str]:
    address, granted, path = str(review.info.get("endpoint") or ""), review.granted, review.path
    inner = address.partition(":")[2]
    told = {address, inner, Path(inner).name, str(review.info.get("session_id") or ""), review.title}
    told |= {granted.endpoint, granted.name} if granted is not None else set()
    return told | {str(path), str(path.absolute()), path.name, base_of(path)}
