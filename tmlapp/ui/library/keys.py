"""The commands of the Library."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.ui.actions import Actions, Command
from tmlapp.ui.library.model import COLUMNS, column_title
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.library.workspace import LibraryWorkspace

PLACE = "library"


def register(actions: Actions, page: LibraryWorkspace) -> None:
    """Add every command of the Library."""
    group = tr("Library")

    def of_chosen(do: Callable[[list[Entry]], object]) -> Callable[[], object]:
        return lambda: do(page.chosen())

    def add(key: str, title: str, shortcut: str, tip: str, do: object, *, keys: str = "", listed: bool = True) -> None:
        command = Command(
            key=f"{PLACE}.{key}", title=title, shortcut=shortcut, help=tip, group=group, workspace=PLACE, keys=keys,
            listed=listed,
        )  # fmt: skip
        actions.add(command, do)  # type: ignore[arg-type]

    add("open", tr("Open"), "", tr("Open it in Review, or in Items (Return)"), page.open_chosen, keys="Return")
    add("search", tr("Search"), "/ | Ctrl+F", tr("Look for words, tags, endpoints, dates"), page.focus_search)
    add("help", tr("What can be searched…"), "F1", tr("Show the conditions of a search"), page.show_help)
    add("rescan", tr("Look again"), "F5", tr("Look for new, moved and deleted files"), page.rescan)
    add("tag", tr("Tag…"), "T", tr("Set a tag, or take one off"), page.edit_tags)
    add("rename", tr("Rename…"), "F2", tr("Rename it, with all its files"), page.edit_name)
    add("verify", tr("Verify"), "V", tr("Read everything, and say whether it is whole"), of_chosen(page.acts.verify))
    add("recover", tr("Recover"), "R", tr("Repair an unfinished or damaged recording"), of_chosen(page.acts.recover))
    add(
        "export",
        tr("Export"),
        "E",
        tr("Write sound, video, events and captions to a folder beside it"),
        of_chosen(page.acts.export),
    )
    add("trash", tr("Move to trash"), "Del", tr("Move it to the trash, with all its files"), of_chosen(page.acts.trash))
    add("restore", tr("Restore"), "Ctrl+R", tr("Bring it back from the trash"), of_chosen(page.acts.restore))
    add("undo", tr("Undo"), "Ctrl+Z", tr("Take back what was done last"), page.acts.undo)
    add(
        "along",
        tr("Bring files along"),
        "B",
        tr("Fetch its files from where it was moved away"),
        of_chosen(page.acts.bring_along),
    )
    add("forget", tr("Forget"), "Ctrl+Del", tr("Show a missing file no longer"), of_chosen(page.acts.forget))
    add("empty", tr("Empty the trash…"), "", tr("Give everything to the system's trash"), page.acts.ask_empty)
    add("folder", tr("Show a further folder…"), "Ctrl+Shift+O", tr("Add a folder to the library"), page.add_folder)
    add("copy", tr("Copy path"), "Ctrl+C", tr("Copy where it lies"), page.copy_path)
    add("back", tr("Back"), "Esc", tr("Clear the search; go to the list"), page.back, listed=False)
    for column in COLUMNS:
        title = tr("Sort by {column}").format(column=column_title(column).casefold())
        add(f"sort_{column}", title, "", tr("Once more turns the order round"), partial(page.sort_by, column), keys="-")
