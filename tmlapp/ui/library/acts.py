"""What the Library does with what is chosen, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tmlapp.bench.catalogue import trash as doing
from tmlapp.bench.catalogue.bundle import Bundle
from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.companions import companions
from tmlapp.core.errors import AppError
from tmlapp.ui.library.texts import sentence
from tmlapp.ui.prompts import ask
from tmlapp.ui.text import bytes_text, tr

if TYPE_CHECKING:
    from tmlapp.ui.library.shelf import Shelf
    from tmlapp.ui.library.workspace import LibraryWorkspace

T = TypeVar("T")
_MOST_UNDO = 100


@dataclass(frozen=True, slots=True)
class Undo:
    """How to take something back: `do` may block; `title` says what it takes back."""

    title: str
    do: Callable[[], object]


class Acts:
    """Between the keys of the Library and the files. Work on files never runs on the window's thread."""

    def __init__(self, page: LibraryWorkspace) -> None:
        self._page = page
        self._undos: list[Undo] = []
        self._busy = False
        self._undos_wanted = 0
        self.last_note = ""

    # ------------------------------------------------------------------ what can be done

    def offer(self, chosen: Sequence[Entry]) -> None:
        """Offer the commands that make sense for `chosen`."""
        actions = self._page.host.actions_
        states = {e.state for e in chosen}
        here = bool(chosen) and not states & {"missing", "trashed"}
        recordings = here and all(e.kind == "recording" for e in chosen)
        one = len(chosen) == 1
        offered = {
            "open": one and here,
            # A run finds its recordings by their names.
            "rename": one and here and not chosen[0].part_of,
            "tag": here,
            "verify": recordings and states <= {"ok", "damaged"},
            "recover": recordings and states <= {"unfinished", "damaged"},
            "export": recordings and states == {"ok"},
            "trash": here,
            "restore": bool(chosen) and states == {"trashed"},
            "along": one and here and bool(chosen[0].details.get("left_behind")),
            "forget": bool(chosen) and states == {"missing"},
        }
        always = ("open", "tag", "trash")
        for name, can in offered.items():
            actions[f"library.{name}"].setEnabled(can)
            actions.offer(f"library.{name}", can or (name in always and not states & {"missing", "trashed"}))
        self._offer_undo()

    def _offer_undo(self) -> None:
        action = self._page.host.actions_["library.undo"]
        action.setEnabled(bool(self._undos) or self._busy)
        action.setToolTip(tr("Undo: {title} (Ctrl+Z)").format(title=self._undos[-1].title) if self._undos else "")

    # ------------------------------------------------------------------ look inside

    def open(self, entry: Entry) -> None:
        """Recordings in Review, sets in Items."""
        host = self._page.host
        if entry.kind == "recording" and entry.state == "ok":
            host.open_recording(entry.path)
        elif entry.kind == "items" and entry.path.name == "set.json":
            host.open_in("items", ("set", entry.path.parent))
        elif entry.kind == "run":
            self._page.search.ask(f'kind:recording in:"{entry.path.parent.name}"')
        elif entry.kind == "recording":
            self._page.show_error(
                AppError(tr("It cannot be opened as it is."), entry.why, tr("Press R to recover it first."))
            )
        else:
            self._page.show_note(str(entry.path.parent))

    def verify(self, chosen: Sequence[Entry]) -> None:
        """Read everything; the result stands in the status line, a fault in the banner."""

        def done(results: list[tuple[Entry, list[str]]]) -> None:
            bad = [(e, problems) for e, problems in results if problems]
            self._page.reload()
            if bad:
                entry, problems = bad[0]
                self._page.show_error(
                    AppError(
                        tr("{n} of {all} are damaged: {name}").format(n=len(bad), all=len(results), name=entry.name),
                        " ".join(map(sentence, problems[:3])),
                        tr("Press R to recover what still holds."),
                    )
                )
            else:
                self._tell(tr("{n} verified: whole").format(n=len(results)))

        self._do(
            tr("Verifying…"), lambda shelf: [(e, list(shelf.verify(e).problems)) for e in chosen], done, again=False
        )

    def recover(self, chosen: Sequence[Entry]) -> None:
        """Repair each into a recording beside it."""

        def done(saved: list[tuple[Path, bool]]) -> None:
            path, whole = saved[0]
            self._page.show_next = path
            lost = "" if whole else " · " + tr("parts of it were lost; see Lost at the right")
            self._tell(tr("recovered: {name}").format(name=path.name) + lost)

        def work(shelf: Shelf) -> list[tuple[Path, bool]]:
            reports = [shelf.recover(e) for e in chosen]
            return [(r.path, r.complete) for r in reports]

        self._do(tr("Recovering…"), work, done)

    def export(self, chosen: Sequence[Entry]) -> None:
        """Each to a folder beside it."""

        def done(folders: list[Path]) -> None:
            self._tell(tr("exported to {folder}").format(folder=folders[0]))

        self._do(tr("Exporting…"), lambda shelf: [shelf.export(e) for e in chosen], done)

    # ------------------------------------------------------------------ change

    def rename(self, name: str) -> None:
        """Give what is chosen another name."""
        entry = self._page.chosen()[0]

        def done(path: Path) -> None:
            moved = _at(entry, path)
            self._remember(tr("rename {name}").format(name=entry.name), lambda: doing.rename(moved, entry.name))
            self._tell(
                tr("renamed to {name}").format(name=path.name if entry.kind == "recording" else path.parent.name)
            )

        self._do(tr("Renaming…"), lambda _shelf: doing.rename(entry, name), done)

    def tag(self, text: str) -> None:
        """Set the tags in `text`; those with a `-` before them are taken off."""
        chosen = self._page.chosen()
        words = [w.strip() for w in text.split(",") if w.strip(" -")]

        def work(shelf: Shelf) -> list[tuple[Entry, Entry]]:
            return [(e, _tagged(shelf, e, words)) for e in chosen]

        def done(changed: list[tuple[Entry, Entry]]) -> None:
            def back() -> None:
                for before, after in changed:
                    for tag in set(after.tags) - set(before.tags):
                        doing.set_tag(after, tag, "untag")
                    for tag in set(before.tags) - set(after.tags):
                        doing.set_tag(after, tag)

            self._remember(tr("tags"), back)
            self._tell(tr("tagged"))

        self._do(tr("Tagging…"), work, done)

    def trash(self, chosen: Sequence[Entry]) -> None:
        """Move each to the trash with its files; Ctrl+Z brings them back."""
        if not chosen:
            return
        bundles: list[Bundle] = []

        def work(shelf: Shelf) -> int:
            for entry in chosen:
                bundles.append(doing.trash(entry))
                shelf.catalogue.forget([entry.id])
            return len(bundles)

        def remember() -> None:
            if bundles:
                kept = list(bundles)
                title = tr("move {n} to trash").format(n=len(kept))
                self._remember(title, lambda: [doing.restore(b) for b in reversed(kept)])

        def done(count: int) -> None:
            remember()
            name = chosen[0].name if count == 1 else tr("{n} entries").format(n=count)
            self._tell(tr("{name} moved to the trash · Ctrl+Z brings it back").format(name=name))

        self._do(tr("Moving to the trash…"), work, done, failed=remember)

    def restore(self, chosen: Sequence[Entry]) -> None:
        """Bring each back from the trash."""

        def work(_shelf: Shelf) -> int:
            bundles = {b.folder: b for b in (doing.bundle_of(e) for e in chosen)}
            for bundle in bundles.values():
                doing.restore(bundle)
            return len(bundles)

        self._do(tr("Restoring…"), work, lambda n: self._tell(tr("{n} restored").format(n=n)))

    def undo(self) -> None:
        """Take back what was done last; while something is under way, as soon as that has ended."""
        if self._busy:
            self._undos_wanted += 1
            return
        if not self._undos:
            return
        last = self._undos.pop()
        self._offer_undo()
        self._do(
            tr("Undoing…"), lambda _shelf: last.do(), lambda _r: self._tell(tr("undone: {t}").format(t=last.title))
        )

    def bring_along(self, chosen: Sequence[Entry]) -> None:
        """Fetch files from where a recording was moved away by hand."""
        if not chosen:
            return

        def done(paths: list[Path]) -> None:
            self._tell(tr("{n} files brought along").format(n=len(paths)))

        def work(shelf: Shelf) -> list[Path]:
            moved = doing.bring_along(chosen[0])
            shelf.catalogue.forget([chosen[0].id])
            return moved

        self._do(tr("Moving…"), work, done)

    def forget(self, chosen: Sequence[Entry]) -> None:
        """Show missing files no longer."""
        ids = [e.id for e in chosen if e.state == "missing"]
        self._do(tr("Forgetting…"), lambda shelf: shelf.catalogue.forget(ids), lambda _r: None)

    def ask_empty(self) -> None:
        """Ask, then give everything in the trash to the system's."""
        bundles = doing.bundles_in(self._page.roots)
        if not bundles:
            self._page.show_note(tr("The trash is empty."))
            return
        size = bytes_text(sum(b.size for b in bundles))
        ask(
            self._page,
            name="empty-guard",
            title=tr("Empty the trash"),
            text=tr("Give {n} entries ({size}) to the system's trash?").format(n=len(bundles), size=size),
            detail=tr("Undo will not bring them back; the system's trash can."),
            yes=tr("Empty"),
            no=tr("Keep"),
            do=lambda: self._empty(bundles),
        )

    def _empty(self, bundles: list[Bundle]) -> None:
        self._undos.clear()

        def done(n: int) -> None:
            self._tell(tr("{n} given to the system's trash").format(n=n))

        self._do(tr("Emptying the trash…"), lambda _shelf: doing.empty_trash(bundles), done)

    # ------------------------------------------------------------------ helpers

    def _do(
        self,
        note: str,
        work: Callable[[Shelf], T],
        done: Callable[[T], object],
        *,
        failed: Callable[[], object] = lambda: None,
        again: bool = True,
    ) -> None:
        shelf = self._page.shelf
        if shelf is None or self._busy:
            self._page.show_note(tr("Something else is being done; try again when it has ended."))
            return
        self._busy = True
        self._offer_undo()
        self._page.show_note(note)

        def over() -> None:
            self._busy = False
            self._offer_undo()
            if again:
                self._page.rescan()

        def good(result: T) -> None:
            done(result)
            over()
            if self._undos_wanted:
                self._undos_wanted -= 1
                self.undo()

        def bad(error: AppError) -> None:
            failed()
            self._page.show_error(error)
            self._page.show_note("")
            # What was to be taken back then was not this.
            self._undos_wanted = 0
            over()

        self._page.host.work(lambda: _as_told(work, shelf), good, bad)

    def _remember(self, title: str, do: Callable[[], object]) -> None:
        self._undos = [*self._undos[1 - _MOST_UNDO :], Undo(title, do)]
        self._offer_undo()

    def _tell(self, text: str) -> None:
        # Kept over the look at the files that follows.
        self.last_note = text
        self._page.show_note(text)


def _as_told(work: Callable[[Shelf], T], shelf: Shelf) -> T:
    try:
        return work(shelf)
    except OSError as error:
        raise AppError(
            tr("A file could not be read or moved."), f"{error.strerror or error}.", tr("Check the folder's rights.")
        ) from error


def _at(entry: Entry, path: Path) -> Entry:
    from dataclasses import replace

    return replace(entry, path=path)


def _tagged(shelf: Shelf, entry: Entry, words: Sequence[str]) -> Entry:
    for word in words:
        doing.set_tag(entry, word.lstrip("-"), "untag" if word.startswith("-") else "tag")
    return shelf.reread(entry)


def files_of(entry: Entry) -> list[Path]:
    """What lies beside a recording and belongs to it."""
    try:
        return list(companions(entry.path)) if entry.kind == "recording" else []
    except OSError:
        return []  # Its folder has gone; the next look says so.
