"""What the model's own numbers are called on the screen, and what they mean."""

from __future__ import annotations

from tmlapp.ui.text import tr


def signal_name(name: str) -> str:
    """The short name of a number; of one that is not known, its own."""
    known = {"rep_phase": tr("phase"), "hear.voice": tr("voice")}
    return known.get(name) or name.removeprefix("hear.").replace("_", " ")


def signal_meaning(name: str) -> str:
    """What the number says, one line; its own name where that is not known."""
    return {
        "activity": tr("activity: is something repeating?"),
        "rep_phase": tr("phase: how far the present repetition has come"),
        "acting": tr("acting: is the action going on?"),
        "motion": tr("motion: how much moves in the picture"),
        "count": tr("count: repetitions so far"),
        "hear.voice": tr("voice: does somebody speak?"),
    }.get(name, tr("{name}: a number of the model's own").format(name=name))


def value_text(value: float) -> str:
    """A value in three figures."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
