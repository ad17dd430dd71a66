"""The commands of the window in one list: title, key, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tmlapp.ui.actions import Actions, Command
from tmlapp.ui.endpoints.commands import register as register_endpoints
from tmlapp.ui.qa.commands import register as register_checklist
from tmlapp.ui.text import tr
from tmlapp.ui.workspace import PLACES

if TYPE_CHECKING:
    from tmlapp.ui.window import MainWindow

VERDICTS = 9


def register(actions: Actions, window: MainWindow) -> None:
    """Add every command of `window` and of its Live workspace; the other workspaces add their own when first shown."""
    _places(actions, window)
    _session(actions, window)
    _talk(actions, window)
    register_checklist(actions, window)
    register_endpoints(actions, window)
    _view(actions, window)
    _app(actions, window)


def _places(actions: Actions, window: MainWindow) -> None:
    group = tr("Workspaces")
    for place in PLACES:
        command = Command(
            key=f"go.{place.name}",
            title=tr(place.title),
            shortcut=place.shortcut,
            help=tr(place.help),
            group=group,
            icon=place.icon,
        )
        actions.add(command, partial(window.go_to, place.name))


def _in_live(actions: Actions, command: Command, do: Callable[[], object]) -> None:
    actions.add(replace(command, workspace="live"), do)


def _session(actions: Actions, window: MainWindow) -> None:
    group = tr("Session")
    add = partial(_in_live, actions)
    toggle = tr("Start the session, or stop it")
    add(Command(key="live.toggle", title=tr("Start"), shortcut="Space", help=toggle, group=group), window.toggle)
    mute = tr("The model hears silence until you press it again")
    add(
        Command(key="live.mute", title=tr("Mute"), shortcut="Q", help=mute, group=group, checkable=True),
        window.toggle_mute,
    )
    pause = tr("Capture nothing; session time stands still")
    add(
        Command(key="live.pause", title=tr("Pause"), shortcut="P", help=pause, group=group, checkable=True),
        window.toggle_pause,
    )
    echo = tr("Choose what happens to the loudspeaker's sound in the microphone, from the next session on")
    add(
        Command(key="live.echo", title=tr("Echo…"), shortcut="H", help=echo, group=group),
        lambda: window.status.echo.open_menu(),
    )
    again = tr("Check microphone, camera, model and disk again")
    add(Command(key="live.check", title=tr("Check again"), shortcut="F5", help=again, group=group), window.check)
    file = tr("Play a video or sound file to the model instead of microphone and camera")
    add(
        Command(key="live.file", title=tr("Play a file…"), shortcut="Ctrl+Shift+O", help=file, group=group),
        window.choose_file,
    )
    clip = tr("Play the demo clip to the model instead of microphone and camera")
    add(
        Command(key="live.clip", title=tr("Play the demo clip"), shortcut="Ctrl+D", help=clip, group=group),
        window.use_clip,
    )
    devices = tr("Go back from a file to microphone and camera")
    add(
        Command(key="live.devices", title=tr("Use the devices"), shortcut="Ctrl+Shift+D", help=devices, group=group),
        window.use_devices,
    )
    consent = tr("Agree, or no longer agree, that a remote model gets sound and picture")
    add(
        Command(key="live.consent", title=tr("Agree to send"), shortcut="Y", help=consent, group=group),
        window.toggle_consent,
    )


def _talk(actions: Actions, window: MainWindow) -> None:
    group = tr("Notes and words")
    add = partial(_in_live, actions)
    marker = tr("Mark this moment in the recording")
    add(Command(key="live.marker", title=tr("Set marker"), shortcut="M", help=marker, group=group), window.set_marker)
    note = tr("Write a note at this moment")
    add(Command(key="live.note", title=tr("Note…"), shortcut="N", help=note, group=group), window.write_note)
    text = tr("Tell the model something in writing")
    add(Command(key="live.text", title=tr("Tell the model…"), shortcut="T", help=text, group=group), window.write_text)
    instruction = tr("Write the instruction")
    add(
        Command(key="live.instruction", title=tr("Instruction…"), shortcut="I", help=instruction, group=group),
        window.write_instruction,
    )
    presets = tr("Pick one of the usual instructions")
    add(
        Command(key="live.presets", title=tr("Usual instructions…"), shortcut="Ctrl+I", help=presets, group=group),
        window.show_presets,
    )
    for n in range(1, VERDICTS + 1):
        words = tr("Tag this moment with a verdict") if n == 1 else tr("Tag this moment with verdict {n}").format(n=n)
        add(
            Command(
                key=f"live.verdict{n}",
                title=tr("Verdict {n}").format(n=n),
                shortcut=str(n),
                help=words,
                group=group,
                keys="1 … 9" if n == 1 else "-",
            ),
            partial(window.set_verdict, n),
        )


def _view(actions: Actions, window: MainWindow) -> None:
    group = tr("View")
    add = partial(_in_live, actions)
    presenter = tr("Full screen: camera, giant count and caption, nothing else")
    add(
        Command(key="view.presenter", title=tr("Presenter"), shortcut="F", help=presenter, group=group, checkable=True),
        window.toggle_presenter,
    )
    mirror = tr("Show the picture as in a mirror; the model sees it as it is")
    add(
        Command(key="view.mirror", title=tr("Mirror picture"), shortcut="R", help=mirror, group=group, checkable=True),
        window.toggle_mirror,
    )
    search = tr("Search the events")
    add(Command(key="view.search", title=tr("Search"), shortcut="Ctrl+F", help=search, group=group), window.open_search)
    theme = tr("Change between light and dark")
    actions.add(
        Command(key="view.theme", title=tr("Light or dark"), shortcut="Ctrl+L", help=theme, group=group),
        window.toggle_theme,
    )
    back = tr("Leave presenter, search or a text box; dismiss an error")
    add(Command(key="view.back", title=tr("Back"), shortcut="Esc", help=back, group=group, listed=False), window.back)


def _app(actions: Actions, window: MainWindow) -> None:
    group = tr("Program")
    add = actions.add
    palette = tr("Find any command by name")
    add(
        Command(key="app.palette", title=tr("Commands…"), shortcut="Ctrl+K", help=palette, group=group),
        window.show_palette,
    )
    folder = tr("Show the folder of the recordings")
    add(
        Command(key="app.folder", title=tr("Open recordings folder"), shortcut="Ctrl+O", help=folder, group=group),
        lambda: window.after.open_folder(),
    )
    trash = tr("Move the recording just made to the trash")
    _in_live(
        actions,
        Command(key="app.trash", title=tr("Move to trash…"), shortcut="Del", help=trash, group=group),
        lambda: window.after.ask_trash(),
    )
    grade = tr("Say what really happened, and grade the recording just made by that")
    _in_live(
        actions,
        Command(key="app.grade", title=tr("Grade…"), shortcut="G", help=grade, group=group),
        lambda: window.after.focus_grade(),
    )
    report = tr("Write the report of the recording just made, and open it")
    _in_live(
        actions,
        Command(key="app.report", title=tr("Report"), shortcut="Ctrl+R", help=report, group=group),
        lambda: window.after.write_report(),
    )
    settings = tr("Devices, echo, voice, endpoint, folder, colours, text size")
    add(
        Command(key="app.settings", title=tr("Settings…"), shortcut="Ctrl+,", help=settings, group=group),
        window.open_settings,
    )
    keys = tr("Show all keyboard shortcuts")
    add(Command(key="app.keys", title=tr("Keyboard shortcuts"), shortcut="?", help=keys, group=group), window.show_keys)
    leave = tr("Close the window")
    add(Command(key="app.quit", title=tr("Quit"), shortcut="Ctrl+Q", help=leave, group=group), window.close)
