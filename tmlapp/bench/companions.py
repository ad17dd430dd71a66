"""The files that belong to a recording and lie beside it: truths, grades, annotations, reports, screenshots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tmlapp.recording.names import FINAL, PART, base_of

_KINDS = (
    r"truth(?:-\d+)?\.json|grades\.jsonl|annotations\.jsonl|(?:qa\.)?html|(?:qa\.)?(?:junit\.)?xml|qa\.json"
    r"|(?:qa|shots?|screenshots?)(?:[-.][^/\\]*)?\.(?:png|jpg)|(?:qa|shots?|screenshots?)"
)


def companions(path: Path) -> Iterator[Path]:
    """What lies beside the recording `path` and belongs to it; files first named by it, never another recording's.

    An unfinished file that was left behind by a repair belongs to the finished one of the same name.

    Raises:
        OSError: the folder cannot be read.
    """
    base = base_of(path)
    own = re.compile(re.escape(base) + rf"\.(?:{_KINDS})")
    leftover = base + PART if path.name == base + FINAL else None
    found = (p for p in path.parent.iterdir() if own.fullmatch(p.name) or p.name == leftover)
    return iter(sorted(found))
