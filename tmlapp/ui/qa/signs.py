"""How states look: a sign, a word and a colour each, so that nothing depends on colour alone."""

from __future__ import annotations

from PySide6.QtGui import QColor

from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme


def sign_of(state: str) -> str:
    """The sign of a step's or a check's state."""
    return {
        "pending": "○", "running": "▶", "ended": "?", "pass": "✓", "fail": "✕", "blocked": "⊘", "skipped": "↷",
        "not_applicable": "–", "waiting": "…", "undecided": "?",
    }[state]  # fmt: skip


def word_of(state: str) -> str:
    """The state in words."""
    return {
        "pending": tr("to do"),
        "running": tr("running"),
        "ended": tr("not judged yet"),
        "pass": tr("passed"),
        "fail": tr("failed"),
        "blocked": tr("blocked"),
        "skipped": tr("skipped"),
        "not_applicable": tr("does not apply"),
        "waiting": tr("waiting"),
        "undecided": tr("undecided"),
    }[state]


def color_of(state: str, theme: Theme) -> QColor:
    """The colour of a state."""
    return {
        "running": theme.accent, "ended": theme.notice, "pass": theme.good, "fail": theme.act, "blocked": theme.notice,
        "undecided": theme.notice,
    }.get(state, theme.faint)  # fmt: skip
