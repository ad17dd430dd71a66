"""A process that works on a catalogue until somebody kills it; says on standard output how far it is."""

from __future__ import annotations

import sys
from pathlib import Path


def rebuild(cache: Path, root: Path) -> None:
    from tmlapp.bench.catalogue.refresh import Progress, refresh
    from tmlapp.bench.catalogue.store import Catalogue

    def tell(progress: Progress) -> None:
        print(progress.done, flush=True)

    with Catalogue.open(cache) as catalogue:
        refresh(catalogue, [root], progress=tell)
    print("done", flush=True)


def trash(root: Path, name: str, stop_at: int) -> None:
    """Move to the trash, and hang before the file number `stop_at`."""
    from tmlapp.bench.catalogue import bundle as moving
    from tmlapp.bench.catalogue import trash as doing
    from tmlapp.bench.catalogue.entry import Entry

    real, count = moving.move_file, 0

    def counted(old: Path, new: Path) -> None:
        nonlocal count
        if count == stop_at:
            print("here", flush=True)
            sys.stdin.read()
        count += 1
        real(old, new)

    moving.move_file = counted
    doing.trash(Entry(path=root / name, root=root, kind="recording", name=name))


if __name__ == "__main__":
    if sys.argv[1] == "rebuild":
        rebuild(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        trash(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
