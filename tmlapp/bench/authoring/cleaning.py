"""Files that no take needs any more: listed first, moved to the trash only when a person says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.media import TAKES
from tmlapp.core.errors import AppError
from tmlapp.recording.names import PART


def unneeded_files(editor: Editor) -> list[Path]:
    """Files in `takes/` that neither the set nor anything that can still be undone or redone names.

    Unfinished recordings and what lies outside `takes/` are never among them.

    Raises:
        AppError: the folder cannot be read.
    """
    kept = editor.kept_files()
    try:
        files = sorted(path for path in (editor.folder / TAKES).rglob("*") if path.is_file())
    except OSError as error:
        raise AppError(f"{editor.folder} cannot be read.", f"{error.strerror}.", "Check its rights.") from error
    return [
        path
        for path in files
        if not path.name.endswith(PART) and path.relative_to(editor.folder).as_posix() not in kept
    ]


def clean_up(editor: Editor, trash: Callable[[Path], None]) -> list[Path]:
    """Save, forget what could be undone, and hand every file that nobody needs any more to `trash`; those files.

    Not while a take is being recorded or imported: its files are not part of the set yet.

    Raises:
        AppError: the set cannot be saved (no file was moved then), or a file not moved (those before it were).
    """
    editor.save()
    editor.forget_history()
    files = unneeded_files(editor)
    for path in files:
        try:
            trash(path)
        except OSError as error:
            raise AppError(
                f"{path} could not be moved to the trash.", f"{error}.", "Check its rights, and clean up again."
            ) from error
    return files
