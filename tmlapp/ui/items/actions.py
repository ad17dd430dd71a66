"""The commands of Items in one list: title, key, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tmlapp.ui.actions import Actions, Command
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.items.workspace import ItemsWorkspace

STEP, LEAP = 160, 3200
"""10 ms and 200 ms in samples."""

_REPEATING = ("items.left", "items.right", "items.leap-left", "items.leap-right", "items.sample-left")
_ALSO_REPEATING = ("items.sample-right", "items.next-item", "items.previous-item", "items.undo", "items.redo")


def register(actions: Actions, page: ItemsWorkspace) -> None:
    """Add every command of `page`."""
    _set(actions, page)
    _record(actions, page)
    _windows(actions, page)
    _edges(actions, page)
    _expectations(actions, page)
    _check(actions, page)
    for key in (*_REPEATING, *_ALSO_REPEATING):
        actions[key].setAutoRepeat(True)


def _adder(actions: Actions, group: str) -> Callable[..., None]:
    def add(
        key: str, title: str, shortcut: str, text: str, do: Callable[[], object], *, keys: str = "", check: bool = False
    ) -> None:
        command = Command(
            key=f"items.{key}",
            title=title,
            shortcut=shortcut,
            help=text,
            group=group,
            workspace="items",
            keys=keys,
            checkable=check,
        )
        actions.add(command, do)

    return add


def _set(actions: Actions, page: ItemsWorkspace) -> None:
    add, sets = _adder(actions, tr("Set and items")), page.sets
    add("new-set", tr("New set…"), "Ctrl+Shift+N", tr("Make a set of items in a folder of its own"), sets.ask_new)
    add("open-set", tr("Open a set…"), "Ctrl+Shift+O", tr("Open the folder of a set"), sets.ask_open)
    add("set-details", tr("About the set…"), "", tr("Name, version, licence, author of the set"), sets.ask_details)
    add("new-item", tr("New item…"), "Ctrl+N", tr("Add an item; its id is given"), sets.ask_item)
    add("duplicate", tr("Duplicate the item"), "Ctrl+D", tr("Another item with the same texts"), sets.duplicate)
    add("remove-item", tr("Remove the item"), "", tr("Take the item out of the set; its takes stay"), sets.remove_item)
    add("edit", tr("Edit the script"), "F2", tr("Write instruction, script, category, language"), page.edit_script)
    add("details", tr("Item details…"), "Shift+F2", tr("Id, suite, author, licence, notes"), sets.ask_item_details)
    add("undo", tr("Undo"), "Ctrl+Z", tr("Take back the last change"), page.undo)
    add("redo", tr("Redo"), "Ctrl+Shift+Z | Ctrl+Y", tr("Do again what was taken back"), page.redo)
    add("filter", tr("Filter items"), "Ctrl+F", tr("Find an item by its words"), page.focus_filter)
    add("next-item", tr("Next item"), "Ctrl+Down", tr("Go to the next item"), lambda: page.model.step_item(1))
    add("previous-item", tr("Previous item"), "Ctrl+Up", tr("Go to the item above"), lambda: page.model.step_item(-1))
    add("part", tr("Next part"), "F6", tr("Move between list, take and expectations"), lambda: page.next_part(1))
    add("export", tr("Export…"), "Ctrl+E", tr("Write a folder that others can load"), sets.ask_export)


def _record(actions: Actions, page: ItemsWorkspace) -> None:
    add, takes = _adder(actions, tr("Takes")), page.takes
    add("record", tr("Record take"), "R", tr("Count in and record a take, or end it"), page.recording.toggle)
    filmed = tr("Record takes with picture, or sound only")
    add("camera", tr("Camera"), "V", filmed, page.recording.toggle_camera, check=True)
    add("back", tr("Back"), "Esc", tr("Stop, close, or give the keys back"), page.back)
    add("speakers", tr("Speakers…"), "P", tr("Who speaks, and whether they agreed"), page.sets.ask_speakers)
    add("takes", tr("Compare takes…"), "C", tr("All takes side by side: length, noise, level"), takes.compare)
    add("next-take", tr("Next take"), ".", tr("Look at the next take"), lambda: page.model.step_take(1))
    add("previous-take", tr("Previous take"), ",", tr("Look at the take before"), lambda: page.model.step_take(-1))
    add("best", tr("Best take"), "B", tr("This take is the one that is exported"), takes.choose_best)
    add("discard", tr("Discard or restore the take"), "D", tr("Set it aside; it is kept"), takes.toggle_discarded)
    add("import", tr("Import sound or video…"), "Ctrl+I", tr("Make a take of a file"), takes.ask_import)
    stretch = tr("Make a take of a part of a recorded session")
    add("stretch", tr("Take from a recording…"), "Ctrl+Shift+R", stretch, takes.ask_stretch)


def _windows(actions: Actions, page: ItemsWorkspace) -> None:
    add, play = _adder(actions, tr("Playing")), page.playing
    around = tr("Play the window with a second around it; while recording: next line")
    add("play", tr("Play the window"), "Space", around, page.space)
    add("loop", tr("Loop the window"), "Shift+Space", tr("Play it again and again"), play.toggle_loop)
    add("play-all", tr("Play from the playhead"), "Ctrl+Space", tr("Play on from here, or pause"), play.toggle_here)
    add("zoom-in", tr("Zoom in"), "+ | =", tr("Look closer at the playhead"), lambda: page.take_card.zoom(2.0))
    add("zoom-out", tr("Zoom out"), "-", tr("See more of the take"), lambda: page.take_card.zoom(0.5))
    add("zoom-window", tr("Zoom to the window"), "Z", tr("See the chosen window"), page.take_card.show_window)
    add("zoom-all", tr("See the whole take"), "0", tr("See all of the take"), page.take_card.show_all)


def _edges(actions: Actions, page: ItemsWorkspace) -> None:
    add, edit = _adder(actions, tr("Window")), page.windows
    add("start-here", tr("Window starts here"), "[", tr("Put the start on the playhead"), lambda: edit.edge_here("t0"))
    add("end-here", tr("Window ends here"), "]", tr("Put the end on the playhead"), lambda: edit.edge_here("t1"))
    add("edge", tr("Choose window, start or end"), "W", tr("What the arrow keys move"), edit.next_edge)
    add("left", tr("Earlier by 10 ms"), "Left", tr("The edge or window 10 ms earlier"), lambda: edit.nudge(-STEP))
    add("right", tr("Later by 10 ms"), "Right", tr("The edge or window 10 ms later"), lambda: edit.nudge(STEP))
    add("leap-left", tr("Earlier by 200 ms"), "Shift+Left", tr("200 ms earlier"), lambda: edit.nudge(-LEAP))
    add("leap-right", tr("Later by 200 ms"), "Shift+Right", tr("200 ms later"), lambda: edit.nudge(LEAP))
    add("sample-left", tr("Earlier by one sample"), "Alt+Left", tr("One sample earlier"), lambda: edit.nudge(-1))
    add("sample-right", tr("Later by one sample"), "Alt+Right", tr("One sample later"), lambda: edit.nudge(1))
    onto = tr("Put what is chosen on the onset or word before")
    add("snap-left", tr("To the onset before"), "Ctrl+Left", onto, lambda: edit.jump(-1))
    onto = tr("Put what is chosen on the onset or word after")
    add("snap-right", tr("To the onset after"), "Ctrl+Right", onto, lambda: edit.jump(1))
    add("snap", tr("Snap"), "X", tr("Edges drawn by mouse catch on voice and words"), edit.toggle_snapping, check=True)


def _expectations(actions: Actions, page: ItemsWorkspace) -> None:
    add, edit = _adder(actions, tr("Expectations")), page.windows
    add("drop", tr("Expectation here"), "E", tr("The model should speak here"), page.drop)
    add("remove", tr("Remove the expectation"), "Del", tr("Take the chosen expectation out"), edit.remove)
    add("next", tr("Next expectation"), "", tr("In the take: go to the next window"), lambda: edit.step(1), keys="Tab")
    before = tr("In the take: go to the window before")
    add("previous", tr("Expectation before"), "", before, lambda: edit.step(-1), keys="Shift+Tab")
    end = tr("The instruction ends here")
    add("instruction", tr("Instruction ends here"), "I", end, page.instruction_ends)
    begin = tr("The instruction begins here")
    add("instruction-begin", tr("Instruction begins here"), "Shift+I", begin, edit.instruction_begins)
    add("stop-here", tr("Stop request here"), "S", tr("The user asks to stop here"), page.stop_here)
    add("meaning", tr("Expected meaning"), "M", tr("Write what the reply must convey"), lambda: page.write("meaning"))
    add("accept", tr("Accepted wordings"), "A", tr("Write wordings that count"), lambda: page.write("accept"))
    add("reject", tr("Rejected wordings"), "Shift+A", tr("Write tempting wrong ones"), lambda: page.write("reject"))
    add("cue", tr("Words of the cue"), "Q", tr("Write what is said in the cue"), lambda: page.write("cue"))
    cue = tr("The cue is from the window's start to the playhead")
    add("cue-here", tr("Cue ends here"), "Shift+E", cue, edit.cue_here)
    add("align", tr("Find the words"), "Ctrl+W", tr("Align the typed script with the sound"), edit.align)
    add("templates", tr("Templates…"), "Ctrl+T", tr("Every N seconds, once after N, at each cue"), edit.ask_template)
    windows = tr("Take windows from a TextGrid or an EAF file")
    add("import-windows", tr("Import windows…"), "Ctrl+Shift+I", windows, page.sets.ask_windows)


def _check(actions: Actions, page: ItemsWorkspace) -> None:
    add = _adder(actions, tr("Check"))
    add("try", tr("Try it"), "T", tr("Play the item into the chosen endpoints"), page.trying.start)
    add("endpoint", tr("Try on…"), "Shift+T", tr("Choose endpoints and the judge"), page.trying.ask)
    add("next-finding", tr("Show the next finding"), "F8", tr("Go to what is wrong"), page.checking.show_next)
    add("fix", tr("Fix the finding"), "Shift+F8", tr("Apply the known repair of the shown finding"), page.checking.fix)
