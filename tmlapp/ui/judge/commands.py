"""What a person can do with the keyboard while judging."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from tmlapp.ui.actions import Command
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.judge.panel import JudgePanel

VALUES = 6


def register(panel: JudgePanel) -> None:
    """Register the commands of `panel`; they can be used in Review."""
    add = panel.host.actions_.add
    group = tr("Judge")

    def command(
        key: str, title: str, shortcut: str, told: str, do: Callable[[], object], *, on_off: bool = False
    ) -> None:
        add(
            Command(
                key=f"judge.{key}", title=title, shortcut=shortcut, help=told, group=group, workspace="review",
                checkable=on_off,
            ),
            do,
        )  # fmt: skip

    titles = (tr("Right"), tr("Wrong"), tr("Unsure"), tr("Fourth value"), tr("Fifth value"), tr("Sixth value"))
    for number, title in enumerate(titles[:VALUES], start=1):
        told = tr("Verdict number {n} on the question that is shown").format(n=number)
        command(f"value{number}", title, str(number), told, partial(panel.give_number, number))
        panel.host.actions_.offer(f"judge.value{number}", number <= 3)
    for number, title in enumerate((tr("A guess"), tr("Fairly sure"), tr("Certain")), start=1):
        told = tr("How sure your verdict is, from 1 to 3")
        command(f"sure{number}", title, f"Shift+{number}", told, partial(panel.set_confidence, number))
    command("note", tr("Note on the verdict"), "Shift+N", tr("Write a note on your verdict"), panel.write_note)
    command("undo", tr("Take the verdict back"), "U", tr("Take your newest verdict back"), panel.undo)
    command("next", tr("Next to judge"), "G", tr("Go to the next question of the queue"), panel.go_on)
    told = tr("Hide models' names, and what others say until you have judged")
    command(
        "blind", tr("Judge blind"), "Shift+B", told,
        lambda: panel.set_blind(panel.host.actions_["judge.blind"].isChecked()), on_off=True,
    )  # fmt: skip
    command("run", tr("Judge a run…"), "", tr("Open a run folder, and judge its items"), lambda: _choose_run(panel))
    command("packet", tr("Rate a packet…"), "", tr("Open a blind packet folder, and rate it"), lambda: _rate(panel))
    command("conflicts", tr("Decide conflicts…"), "", tr("Where raters differ: decide"), lambda: _conflicts(panel))
    command("figures", tr("Agreement and confusion…"), "", tr("How raters and judges agree"), lambda: _figures(panel))


def _choose_run(panel: JudgePanel) -> None:
    folder = QFileDialog.getExistingDirectory(panel.window(), tr("Run folder"), str(panel.host.settings.recordings_dir))
    if folder:
        panel.show_run(Path(folder))


def _rate(panel: JudgePanel) -> None:
    folder = QFileDialog.getExistingDirectory(
        panel.window(), tr("Packet folder"), str(panel.host.settings.recordings_dir)
    )
    if folder:
        from tmlapp.ui.judge.packet_dialog import open_packet

        open_packet(panel.host, Path(folder), panel.window())


def _conflicts(panel: JudgePanel) -> None:
    from tmlapp.ui.judge.adjudicate import AdjudicateDialog

    if not panel.refuses():
        AdjudicateDialog(panel).open()


def _figures(panel: JudgePanel) -> None:
    from tmlapp.ui.judge.figures import FiguresDialog

    if not panel.refuses():
        FiguresDialog(panel.host, panel.state.loaded.places, panel.window()).open()
