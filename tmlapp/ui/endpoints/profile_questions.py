"""What is asked before a profile, or what was changed in it, is lost."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from tmlapp.config.profiles import EndpointProfile
from tmlapp.ui.prompts import ask
from tmlapp.ui.text import tr


def ask_remove(parent: QWidget, profile: EndpointProfile, do: Callable[[], object]) -> None:
    """Before `profile` goes, and its key with it."""
    key = tr(" Its key is taken out of the key ring.") if profile.key == "keyring" else ""
    ask(
        parent,
        name="remove-profile",
        title=tr("Remove"),
        text=tr("Remove “{name}”?").format(name=profile.name),
        detail=tr("It cannot be taken back.{key} Recordings stay as they are.").format(key=key),
        yes=tr("Remove"),
        no=tr("Keep"),
        do=do,
    )


def ask_drop(parent: QWidget, name: str, do: Callable[[], object]) -> None:
    """Before what was changed in the profile `name` is dropped."""
    ask(
        parent,
        name="unsaved-profile",
        title=tr("Not saved"),
        text=tr("“{name}” is not saved.").format(name=name),
        detail=tr("Drop what was changed?"),
        yes=tr("Drop the changes"),
        no=tr("Go on editing"),
        do=do,
    )
