"""`tmlapp library`: find recordings, runs and item sets; move them to the trash and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tmlapp.cli.common import Json, emit, err, out, reported, visible

if TYPE_CHECKING:
    from tmlapp.bench.catalogue.entry import Entry
    from tmlapp.bench.catalogue.refresh import Progress
    from tmlapp.bench.catalogue.store import Catalogue

app = typer.Typer(help="Find recordings, runs and items; move them to the trash and back.", no_args_is_help=True)

In = Annotated[
    list[Path] | None,
    typer.Option("--in", help="Folder to look through; may be given several times. Left out: those of the settings."),
]


@app.command()
def rebuild(folders: In = None, as_json: Json = False) -> None:
    """Forget the catalogue and read every file again; tags, notes and grades lie beside the files and stay."""
    from tmlapp.bench.catalogue.refresh import refresh
    from tmlapp.bench.catalogue.store import Catalogue

    with reported(as_json), Catalogue.open() as catalogue:
        roots = _roots(folders)
        catalogue.clear()
        with _progress(as_json) as tell:
            found = refresh(catalogue, roots, progress=tell)
        if as_json:
            emit({
                "folders": [str(r) for r in roots], "files": found.files, "read": found.read,
                "states": catalogue.counts(), "full_text": catalogue.full_text, "notice": catalogue.notice,
                "unread": [{"folder": str(p), "why": why} for p, why in found.unread],
            })  # fmt: skip
            return
        _tell_notice(catalogue)
        states = ", ".join(f"{n} {state}" for state, n in sorted(catalogue.counts().items()))
        out().print(f"{found.files} files, {found.read} read: {states or 'nothing'}", markup=False)
        for path, why in found.unread:
            err().print(f"Not read: {path}: {why}", markup=False)


@app.command()
def search(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words and conditions, such as tag:x is:unfinished.")
    ] = None,
    folders: In = None,
    sort: Annotated[str, typer.Option(help="name, created, duration, endpoint, suite, tags, verdict, size, state.")] = (
        "created"
    ),
    ascending: Annotated[bool, typer.Option("--ascending", help="Smallest or oldest first.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many; 0 for all.", min=0)] = 50,
    as_json: Json = False,
) -> None:
    """Bring the catalogue up to date, and list what matches; without words, everything.

    Conditions: endpoint: suite: tag: verdict: date: after: before: is: kind: in:, and a - before any of them.
    """
    from tmlapp.bench.catalogue.store import SORTS

    if sort not in SORTS:
        raise typer.BadParameter(f"{sort!r} is not known; there is: {', '.join(SORTS)}", param_hint="--sort")
    with reported(as_json), _looked(folders) as (catalogue, roots):
        ids = catalogue.search(" ".join(words or ()), sort=sort, ascending=ascending, roots=roots)  # type: ignore[arg-type]
        entries = catalogue.rows(ids[:limit] if limit else ids)
        if as_json:
            emit({"found": len(ids), "entries": [_plain(e) for e in entries], "notice": catalogue.notice})
            return
        _tell_notice(catalogue)
        for entry in entries:
            _print(entry)
        if len(ids) > len(entries):
            out().print(f"… and {len(ids) - len(entries)} more (--limit 0 shows all)")
        if not ids:
            out().print("Nothing matches.")


@app.command()
def trash(
    paths: Annotated[list[Path], typer.Argument(help="Recordings, or folders of runs, sets or exports.")],
    folders: In = None,
    as_json: Json = False,
) -> None:
    """Move each to the trash folder beside it, with its grades, notes and reports; `restore` brings it back."""
    from tmlapp.bench.catalogue import trash as doing

    with reported(as_json), _looked(folders, paths) as (catalogue, _roots):
        entries = [_entry_at(catalogue, path) for path in paths]
        bundles = [doing.trash(entry) for entry in entries]
        catalogue.forget([e.id for e in entries])
        if as_json:
            emit([_plain_bundle(b) for b in bundles])
            return
        for bundle in bundles:
            out().print(f"{bundle.name}: {len(bundle.moves)} files moved to {bundle.folder}", markup=False)


@app.command()
def restore(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names, or folders as `trash` told them; left out: lists the trash.")
    ] = None,
    folders: In = None,
    as_json: Json = False,
) -> None:
    """Bring back what lies in the trash, to exactly where it was; nothing is overwritten."""
    from tmlapp.bench.catalogue import trash as doing
    from tmlapp.core.errors import AppError

    with reported(as_json):
        bundles = doing.bundles_in(_roots(folders))
        if not names:
            if as_json:
                emit([_plain_bundle(b) for b in bundles])
                return
            for bundle in bundles:
                out().print(f"{bundle.created[:16]}  {visible(bundle.name)}  {bundle.folder}", markup=False)
            if not bundles:
                out().print("The trash is empty.")
            return
        told: list[dict[str, Any]] = []
        for name in names:
            # The newest of that name.
            found = next((b for b in bundles if name in (b.name, str(b.folder), b.folder.name)), None)
            if found is None:
                raise AppError(
                    f"{name} is not in the trash.",
                    f"There {'is' if len(bundles) == 1 else 'are'} {len(bundles)} in it.",
                    "Run `tmlapp library restore` to list them.",
                )
            bundles.remove(found)
            restored = doing.restore(found)
            told.append({"name": found.name, "files": [str(p) for p in restored]})
        if as_json:
            emit(told)
            return
        for one in told:
            out().print(f"{one['name']}: {len(one['files'])} files are back", markup=False)


def _roots(folders: Sequence[Path] | None) -> list[Path]:
    if folders:
        return [f.absolute() for f in folders]
    from tmlapp.config.settings import load_settings

    settings = load_settings()
    return list(dict.fromkeys(p.absolute() for p in (settings.recordings_dir, *settings.library_folders)))


@contextmanager
def _looked(folders: Sequence[Path] | None, more: Sequence[Path] = ()) -> Iterator[tuple[Catalogue, list[Path]]]:
    """The catalogue, up to date; `more` are files that may lie outside of its folders."""
    from tmlapp.bench.catalogue.refresh import refresh
    from tmlapp.bench.catalogue.store import Catalogue

    roots = _roots(folders)
    for path in more:
        if not any(path.absolute().is_relative_to(r) for r in roots):
            roots.append(path.absolute().parent)
    with Catalogue.open() as catalogue:
        refresh(catalogue, roots)
        yield catalogue, roots


@contextmanager
def _progress(quiet: bool) -> Iterator[Any]:
    from rich.progress import Progress as Bar

    with Bar(console=err(), transient=True, disable=quiet) as bar:
        task = bar.add_task("Reading", total=None)

        def tell(progress: Progress) -> None:
            bar.update(task, completed=progress.done, total=progress.total)

        yield tell


def _entry_at(catalogue: Catalogue, path: Path) -> Entry:
    from tmlapp.core.errors import AppError

    place = path.absolute()
    marks = ("run.json", "set.json", "items.jsonl", "setup.json")
    for candidate in (place, *(place / mark for mark in marks)):
        entry = catalogue.at(candidate)
        if entry is not None and entry.state not in ("missing", "trashed"):
            return entry
    raise AppError(f"{path} is not in the library.", "It is no recording, run, set or export.", "Check the path.")


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "path": str(entry.folder), "kind": entry.kind, "name": entry.name, "state": entry.state, "why": entry.why,
        "created": entry.created, "duration_s": entry.duration_s, "endpoint": entry.endpoint, "suite": entry.suite,
        "instruction": entry.instruction, "tags": list(entry.tags), "verdict": entry.verdict, "grade": entry.grade,
        "size": entry.size, "copies": entry.copies,
    }  # fmt: skip


def _plain_bundle(bundle: Any) -> dict[str, Any]:
    files = [str(bundle.old(m)) for m in bundle.moves]
    return {"name": bundle.name, "folder": str(bundle.folder), "created": bundle.created, "files": files}


def _print(entry: Entry) -> None:
    length = "" if entry.duration_s is None else f"{entry.duration_s:.1f} s"
    told = (entry.state if entry.state != "ok" else "", entry.endpoint, entry.suite, *entry.tags, entry.verdict)
    facts = "  ".join(visible(t) for t in (entry.created[:16], length, *told) if t)
    out().print(f"{visible(str(entry.folder))}  {facts}", markup=False)


def _tell_notice(catalogue: Catalogue) -> None:
    if catalogue.notice:
        err().print(catalogue.notice, markup=False)
