"""Everything that can be asked for in Review, registered once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tmlapp.ui.actions import Actions, Command
from tmlapp.ui.review.reading import EAR
from tmlapp.ui.review.wire import show_wire
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace

Row = tuple[str, str, str, str, Callable[[], object]]


def register(actions: Actions, page: ReviewWorkspace) -> None:
    """Register the commands of `page`."""
    for group, rows in (
        (tr("Play"), _play(page)),
        (tr("Look"), _look(page)),
        (tr("Recordings"), _recordings(page)),
        (tr("Mark"), _mark(page)),
    ):
        for name, title, shortcut, help_, do in rows:
            key = f"review.{name}"
            checkable = name in ("a", "b", EAR, "spectrogram")
            actions.add(
                Command(
                    key=key, title=title, shortcut=shortcut, help=help_, group=group, checkable=checkable,
                    workspace="review",
                ),
                do,
            )  # fmt: skip


def _play(page: ReviewWorkspace) -> list[Row]:
    return [
        ("play", tr("Play"), "Space", tr("Play, or pause"), page.toggle),
        (
            "backwards",
            tr("Shuttle backwards"),
            "J",
            tr("Backwards; each press twice as fast"),
            lambda: page.shuttle(-1),
        ),
        ("stop", tr("Pause"), "K", tr("Stop where you are"), page.pause),
        ("forwards", tr("Shuttle forwards"), "L", tr("Forwards; each press twice as fast"), lambda: page.shuttle(1)),
        ("turn_back", tr("Micro-turn back"), ",", tr("To the micro-turn before"), lambda: page.step_turn(-1)),
        ("turn_on", tr("Micro-turn on"), ".", tr("To the next micro-turn"), lambda: page.step_turn(1)),
        ("output_back", tr("Output before"), "[", tr("To what the model said before"), lambda: page.step_output(-1)),
        ("output_on", tr("Next output"), "]", tr("To what the model said next"), lambda: page.step_output(1)),
        ("home", tr("To the start"), "Home", tr("To the start of the recording"), lambda: page.jump(0)),
        ("end", tr("To the end"), "End", tr("To the end of the recording"), lambda: page.jump(None)),
        ("loop", tr("Play what is looked at"), "Shift+Space", tr("Again and again, until you pause"), page.loop_view),
        ("a", "A", "A", tr("Hear the first recording"), lambda: page.hear("A")),
        ("b", "B", "B", tr("Hear the second recording at the same place; choose it first"), lambda: page.hear("B")),
        (
            EAR,
            tr("What the model heard of you"),
            "Shift+A",
            tr("Hear only that, of the first recording; A goes back"),
            lambda: page.hear(EAR),
        ),
    ]


def _look(page: ReviewWorkspace) -> list[Row]:
    axis = page.axis
    return [
        ("closer", tr("Zoom in"), "+ | =", tr("Look closer at the cursor"), lambda: axis.zoom(1.6)),
        ("further", tr("Zoom out"), "-", tr("See more around the cursor"), lambda: axis.zoom(1 / 1.6)),
        ("all", tr("Show all"), "0", tr("See the whole recording"), axis.show_all),
        ("spectrogram", tr("Spectrogram"), "S", tr("Show or hide the spectrogram"), page.toggle_spectrogram),
        ("lanes", tr("Lanes…"), "V", tr("Hide, show and move lanes"), page.show_lane_menu),
    ]


def _recordings(page: ReviewWorkspace) -> list[Row]:
    return [
        ("open", tr("Open…"), "O", tr("Choose a recording"), page.choose),
        (
            "second",
            tr("Second recording…"),
            "Shift+O",
            tr("Another recording of the same input, locked to it"),
            page.choose_second,
        ),
        (
            "close_second",
            tr("Close the second recording"),
            "Shift+W",
            tr("Only the first one is left"),
            page.close_second,
        ),
        (
            "recover",
            tr("Recover it"),
            "R",
            tr("Save what still holds of an unfinished or damaged recording"),
            page.recover,
        ),
        ("replay", tr("Replay into another model…"), "Ctrl+R", tr("Play the same input to another model"), page.replay),
        (
            "export",
            tr("Export…"),
            "Ctrl+E",
            tr("Clip, sound, captions, Praat, ELAN, table, page, folder"),
            page.show_exports,
        ),
        ("wire", tr("Wire…"), "W", tr("Every frame that was sent and received"), lambda: show_wire(page)),
        ("verify", tr("Verify"), "Ctrl+Shift+V", tr("Read everything and check every checksum"), page.verify),
    ]


def _mark(page: ReviewWorkspace) -> list[Row]:
    return [
        ("marker", tr("Set marker"), "M", tr("Mark this moment beside the recording"), page.mark),
        ("note", tr("Note…"), "N", tr("Write a note at this moment"), page.write_note),
        ("undo", tr("Take back"), "Ctrl+Z", tr("Take back your last marker or note"), page.undo_mark),
        ("link", tr("Copy link"), "C", tr("Copy the command that opens this recording here"), page.copy_link),
        (
            "make_item",
            tr("Make an item of this stretch…"),
            "Shift+E",
            tr("What is looked at becomes a take of an item, in Items"),
            page.make_item,
        ),
        ("why", tr("Copy why it spoke"), "Shift+C", tr("Copy the micro-turns before this output"), page.copy_why),
        (
            "leave",
            tr("To the timeline"),
            "Esc",
            tr("Drop the note, dismiss an error, go back to the timeline"),
            page.back,
        ),
    ]
