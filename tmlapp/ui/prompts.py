"""Questions that must be answered before something cannot be undone. They never block the window's loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from tmlapp.ui.text import tr


def ask(
    parent: QWidget, *, name: str, title: str, text: str, detail: str, yes: str, no: str, do: Callable[[], object]
) -> QMessageBox:
    """Show a question; `do` runs only if the person presses `yes`. Return and Esc mean `no`."""
    box = QMessageBox(parent)
    box.setObjectName(name)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(detail)
    agree = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton(no, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    agree.clicked.connect(lambda: do())
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box


def ask_close(parent: QWidget, do: Callable[[], object]) -> QMessageBox:
    """Before a window is closed while it records."""
    return ask(
        parent,
        name="close-guard",
        title=tr("Still recording"),
        text=tr("The session is still recording."),
        detail=tr("Stop it and close the window? Everything so far is kept."),
        yes=tr("Stop and close"),
        no=tr("Keep recording"),
        do=do,
    )


def ask_trash(parent: QWidget, name: str, do: Callable[[], object]) -> QMessageBox:
    """Before the recording `name` goes to the trash."""
    return ask(
        parent,
        name="trash-guard",
        title=tr("Move to trash"),
        text=tr("Move {name} to the trash?").format(name=name),
        detail=tr("It can be restored from the trash."),
        yes=tr("Move to trash"),
        no=tr("Keep"),
        do=do,
    )


def ask_file(parent: QWidget, do: Callable[[str], object]) -> QFileDialog:
    """Which file to play; `do` gets its path."""
    dialog = QFileDialog(parent, tr("Play a file"))
    dialog.setObjectName("choose-file")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    kinds = "*.mp4 *.mov *.mkv *.avi *.webm *.gif *.wav *.flac *.ogg *.mp3"
    dialog.setNameFilters([f"{tr('Video and sound')} ({kinds})", f"{tr('All files')} (*)"])
    dialog.fileSelected.connect(lambda path: do(path))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
    return dialog


def ask_leave(parent: QWidget, unsaved: Sequence[str], do: Callable[[], object]) -> QMessageBox:
    """Before a window is closed while a workspace still holds something; `unsaved` says what, in sentences."""
    return ask(
        parent,
        name="leave-guard",
        title=tr("Close the window"),
        text=" ".join(unsaved),
        detail=tr("Close the window all the same?"),
        yes=tr("Close"),
        no=tr("Stay"),
        do=do,
    )
