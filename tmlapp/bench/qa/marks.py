"""What the tester does, as markers in the recording: `label` is `qa`, `note` is one readable line.

`12 · verdict · counting · try 2 · pass · heel lifted` is the twelfth thing done: a verdict on the second try of the
step `counting`. The same things stand in the annotations beside the recording, with who, when and more; the number
joins the two. Where both are there, the marker has the time and the annotation the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from tmlapp.core.event import Marker

LABEL = "qa"
Action = Literal["run", "start", "end", "verdict", "skip", "note", "shot"]
ACTIONS: tuple[str, ...] = get_args(Action)
Verdict = Literal["pass", "fail", "blocked"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
_BETWEEN = " · "
_LONGEST_NOTE = 500
MOST_TRIES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One thing that was done.

    Attributes:
        n: counts from 1 in the session.
        t_ns: session time; None for what was done after the session.
        step: empty for `run`.
        text: the checklist's id and digest for `run`, the verdict, the note, the name of the picture.
        checklist: the whole file, for `run` in the annotations.
    """

    n: int
    action: Action
    t_ns: int | None
    step: str = ""
    tried: int = 0
    text: str = ""
    checklist: str = ""
    who: str = ""
    when: str = ""

    def note(self) -> str:
        """The note of the marker."""
        words = " ".join(self.text.split())[:_LONGEST_NOTE]
        parts = [str(self.n), self.action, *([self.step, f"try {self.tried}"] if self.step else []), words]
        return _BETWEEN.join(p for p in parts if p)

    def data(self) -> dict[str, Any]:
        """The member `data` of the annotation."""
        found: dict[str, Any] = {"n": self.n, "action": self.action}
        found |= {"step": self.step, "try": self.tried} if self.step else {}
        found |= {"text": self.text} if self.text else {}
        return found | ({"checklist": self.checklist} if self.checklist else {})


def mark_of(marker: Marker) -> Mark | None:
    """The mark that `marker` is; None where its note was not written by us."""
    parts = marker.note.split(_BETWEEN)
    if len(parts) < 2 or not parts[0].isdecimal() or len(parts[0]) > 9:
        return None
    if parts[1] == "run":
        return _mark({"n": int(parts[0]), "action": "run", "text": _BETWEEN.join(parts[2:])}, marker.t_ns)
    word, _, tried = (parts[3] if len(parts) > 3 else "").partition(" ")
    if word != "try" or not tried.isdecimal() or len(tried) > 9:
        return None
    value = {"n": int(parts[0]), "action": parts[1], "step": parts[2], "try": int(tried)}
    return _mark(value | {"text": _BETWEEN.join(parts[4:])}, marker.t_ns)


def mark_from_json(data: Any, t_ns: int | None, who: str, when: str) -> Mark | None:
    """The mark of an annotation's `data`; None where it is none."""
    return _mark(data, t_ns, who, when) if isinstance(data, dict) else None


def _mark(data: dict[str, Any], t_ns: int | None, who: str = "", when: str = "") -> Mark | None:
    n, tried = data.get("n"), data.get("try", 0)
    action, step, text, checklist = (data.get(key, "") for key in ("action", "step", "text", "checklist"))
    if not all(isinstance(value, str) for value in (action, step, text, checklist)):
        return None
    if not isinstance(n, int) or not isinstance(tried, int) or isinstance(n, bool) or isinstance(tried, bool):
        return None
    if action not in ACTIONS or not 0 < n < 10**9 or not 0 <= tried <= MOST_TRIES:
        return None
    if action == "verdict" and text not in VERDICTS:
        return None
    if (action == "run") != (not step) or (tried < 1 and action not in ("run", "skip")):
        return None
    return Mark(
        n=n, action=action, t_ns=t_ns, step=step, tried=tried, text=text, checklist=checklist, who=who, when=when
    )  # fmt: skip
