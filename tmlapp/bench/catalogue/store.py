"""The catalogue as an object: rows in, rows out, searches."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from tmlapp.bench.catalogue.entry import Entry, clean
from tmlapp.bench.catalogue.query import compiled, segmented
from tmlapp.bench.catalogue.schema import COLUMNS, FILE, connect, has_fts, open_database
from tmlapp.config.paths import cache_dir
from tmlapp.core.errors import AppError

Sort = Literal["name", "created", "duration", "endpoint", "suite", "tags", "verdict", "size", "state", "kind"]
SORTS: Mapping[str, str] = {
    "name": "name COLLATE NOCASE", "created": "created_s", "duration": "duration_s", "endpoint": "endpoint",
    "suite": "suite", "tags": "tags", "verdict": "verdict, grade", "size": "size", "state": "state", "kind": "kind",
}  # fmt: skip
_FILLED: Mapping[str, str] = {
    "duration": "duration_s IS NOT NULL", "endpoint": "endpoint != ''", "suite": "suite != ''", "tags": "tags != ''",
    "verdict": "verdict != '' OR grade != ''", "size": "size > 0", "state": "state != 'ok' OR copies > 1",
}  # fmt: skip
_MANY = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What a new look at the files compares with."""

    id: int
    size: int
    mtime_ns: int
    stamp: str
    strays: str
    state: str
    identity: str
    session: str


class Catalogue:
    """Rows about files. Safe to use from several threads and processes at once.

    Attributes:
        notice: what a person should know about the database itself, in one sentence; mostly empty.
        full_text: `fts5`, or `like` where SQLite was built without it.
    """

    def __init__(self, folder: Path) -> None:
        opened = open_database(folder)
        self._path = folder / FILE
        self._memory = opened.in_memory
        self._connections: list[sqlite3.Connection] = [opened.connection]
        self._free: list[sqlite3.Connection] = [opened.connection]
        self._lock = threading.RLock()
        self.notice = opened.notice
        self.full_text: Literal["fts5", "like"] = "fts5" if has_fts(opened.connection) else "like"

    @classmethod
    def open(cls, folder: Path | None = None) -> Catalogue:
        """The catalogue in `folder`, by default the user's cache folder; see `open_database` for what can be wrong."""
        return cls(folder or cache_dir())

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; idempotent."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._free.clear()

    @property
    def in_memory(self) -> bool:
        """Nothing of it outlasts this process."""
        return self._memory

    # ------------------------------------------------------------------ reading

    def search(
        self,
        text: str = "",
        *,
        sort: Sort = "created",
        ascending: bool = False,
        roots: Sequence[Path] | None = None,
        now: datetime | None = None,
    ) -> list[int]:
        """Ids of the rows that match `text` (see `query.HELP`), in order.

        Raises:
            AppError: the search is not understood, or the database cannot be read.
        """
        made = compiled(text, fts=self.full_text == "fts5", now=now)
        where, values = made.where or "1", list(made.values)
        under, places = _under(roots)
        where, values = f"{where} AND {under}", [*values, *places]
        way = "ASC" if ascending else "DESC"
        order = ", ".join(f"{column} {way}" for column in SORTS[sort].split(", "))
        with self._reading() as db:
            found = db.execute(f"SELECT id FROM entry WHERE {where} ORDER BY {order}, id {way}", values).fetchall()
        return [row[0] for row in found]

    def rows(self, ids: Sequence[int]) -> list[Entry]:
        """The rows with these ids, in that order; those that are gone are left out.

        Raises:
            AppError: the database cannot be read.
        """
        found: dict[int, Entry] = {}
        with self._reading() as db:
            for i in range(0, len(ids), _MANY):
                some = ids[i : i + _MANY]
                marks = ", ".join("?" * len(some))
                for row in db.execute(f"SELECT id, {', '.join(COLUMNS)} FROM entry WHERE id IN ({marks})", list(some)):
                    found[row[0]] = _entry(row)
        return [found[i] for i in ids if i in found]

    def at(self, path: Path) -> Entry | None:
        """The row of the file at `path`."""
        with self._reading() as db:
            sql = f"SELECT id, {', '.join(COLUMNS)} FROM entry WHERE path = ?"
            row = db.execute(sql, [os.fsencode(path)]).fetchone()
        return None if row is None else _entry(row)

    def known(self) -> dict[Path, Known]:
        """Every row by its path, as far as a new look at the files needs it."""
        with self._reading() as db:
            sql = "SELECT path, id, size, mtime_ns, stamp, strays, state, identity, session FROM entry"
            return {Path(os.fsdecode(row[0])): Known(*row[1:]) for row in db.execute(sql)}

    def counts(self, roots: Sequence[Path] | None = None) -> dict[str, int]:
        """Rows by state; only those of files under `roots` if given."""
        under, places = _under(roots)
        with self._reading() as db:
            return dict(
                db.execute(f"SELECT state, count(*) FROM entry WHERE {under} GROUP BY state", places).fetchall()
            )

    def values_of(self, column: Literal["endpoint", "suite", "tags"]) -> list[str]:
        """What stands in `column`, without repetition, most frequent first: what a search may ask for."""
        assert column in ("endpoint", "suite", "tags")
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {column}, count(*) FROM entry WHERE {column} != '' AND state NOT IN ('missing', 'trashed') "
                f"GROUP BY {column} ORDER BY count(*) DESC"
            ).fetchall()
        counted: dict[str, int] = {}
        for value, n in rows:
            for one in value.strip("\n").split("\n"):
                counted[one] = counted.get(one, 0) + n
        return sorted(counted, key=lambda v: (-counted[v], v))

    def filled(self, roots: Sequence[Path] | None = None) -> frozenset[str]:
        """Names of the columns of `SORTS` in which something stands for any file under `roots`."""
        under, places = _under(roots)
        names = list(_FILLED)
        asked = ", ".join(f"max({_FILLED[name]})" for name in names)
        with self._reading() as db:
            row = db.execute(f"SELECT {asked} FROM entry WHERE {under}", places).fetchone()
        return frozenset(name for name, there in zip(names, row, strict=True) if there)

    # ------------------------------------------------------------------ writing

    def put(self, entries: Iterable[Entry]) -> list[int]:
        """Write rows in one step: a row with an id replaces that one, any other the one of its path; their ids.

        Raises:
            AppError: the database cannot be written.
        """
        with self._writing() as db:
            return [self._put(db, entry) for entry in entries]

    def _put(self, db: sqlite3.Connection, entry: Entry) -> int:
        values = _values(entry)
        if entry.id:
            # Something else that stood at this path has gone from there.
            old = db.execute("SELECT id FROM entry WHERE path = ? AND id != ?", [values[0], entry.id]).fetchone()
            self._drop(db, [old[0]] if old else [])
        sets = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS)
        marks = ", ".join("?" * len(COLUMNS))
        if entry.id and db.execute("SELECT 1 FROM entry WHERE id = ?", [entry.id]).fetchone():
            update = ", ".join(f"{column} = ?" for column in COLUMNS)
            db.execute(f"UPDATE entry SET {update} WHERE id = ?", [*values, entry.id])
            row_id = entry.id
        else:
            sql = f"INSERT INTO entry ({', '.join(COLUMNS)}) VALUES ({marks}) ON CONFLICT (path) DO UPDATE SET {sets}"
            db.execute(sql, values)
            row_id = int(db.execute("SELECT id FROM entry WHERE path = ?", [values[0]]).fetchone()[0])
        self._put_words(db, row_id, entry)
        return row_id

    def _put_words(self, db: sqlite3.Connection, row_id: int, entry: Entry) -> None:
        parts = (entry.name, entry.instruction, entry.endpoint, entry.suite, entry.said, entry.notes, *entry.tags)
        text = segmented(clean("\n".join(parts)))
        db.execute(
            "INSERT INTO plain (id, folded) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET folded = excluded.folded",
            [row_id, " ".join(text.casefold().split())],
        )
        if self.full_text == "fts5":
            db.execute("DELETE FROM words WHERE rowid = ?", [row_id])
            db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", [row_id, text])

    def set_state(self, ids: Collection[int], state: str, why: str) -> None:
        """Say of rows that their files are, for instance, missing."""
        with self._writing() as db:
            db.executemany("UPDATE entry SET state = ?, why = ? WHERE id = ?", [(state, why, i) for i in ids])

    def forget(self, ids: Collection[int]) -> None:
        """Drop rows; the files, if there are any, are found again by the next look."""
        with self._writing() as db:
            self._drop(db, ids)

    def _drop(self, db: sqlite3.Connection, ids: Collection[int]) -> None:
        tables = [("entry", "id"), ("plain", "id")] + ([("words", "rowid")] if self.full_text == "fts5" else [])
        for table, key in tables:
            db.executemany(f"DELETE FROM {table} WHERE {key} = ?", [(i,) for i in ids])

    def count_copies(self) -> None:
        """Bring up to date how often each content lies on the disk."""
        with self._writing() as db:
            live = "state NOT IN ('missing', 'trashed')"
            db.execute(
                "UPDATE entry SET copies = 1 WHERE copies != 1 AND (identity = '' OR identity IN "
                f"(SELECT identity FROM entry GROUP BY identity HAVING sum({live}) <= 1))"
            )
            many = f"SELECT identity FROM entry WHERE identity != '' AND {live} GROUP BY identity HAVING count(*) > 1"
            db.execute(
                "UPDATE entry SET copies = (SELECT count(*) FROM entry AS e WHERE e.identity = entry.identity AND "
                f"e.{live}) WHERE {live} AND identity IN ({many})"
            )

    def clear(self) -> None:
        """Forget everything; files, tags and grades are not touched, for none of them is kept here."""
        with self._writing() as db:
            for table in ("entry", "plain", *(["words"] if self.full_text == "fts5" else [])):
                db.execute(f"DELETE FROM {table}")

    # ------------------------------------------------------------------ connections

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as db, _told(self._path):
            yield db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as db, _told(self._path):
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._memory:
            # One database, one connection: whoever comes second waits.
            with self._lock:
                yield self._connections[0]
            return
        with self._lock:
            if not self._connections:
                raise AppError("The catalogue is closed.", "The window or program ends.", "Open it again.")
            if not self._free:
                self._connections.append(connect(self._path))
                self._free.append(self._connections[-1])
            connection = self._free.pop()
        try:
            yield connection
        finally:
            with self._lock:
                if connection in self._connections:
                    self._free.append(connection)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise AppError(
            "The catalogue cannot be used right now.", f"{path}: {error}.", "Try again; if it stays, free disk space."
        ) from error
    except sqlite3.DatabaseError as error:
        raise AppError(
            "The catalogue is damaged.",
            f"{path}: {error}.",
            "Restart tmlapp, which sets it aside, or run `tmlapp library rebuild`; no recording is affected.",
        ) from error


def _under(roots: Sequence[Path] | None) -> tuple[str, list[bytes]]:
    """A condition for files below `roots`, and its values: paths are compared byte by byte."""
    if roots is None:
        return "1", []
    places: list[bytes] = []
    for root in roots:
        inside = os.fsencode(root).rstrip(os.sep.encode()) + os.sep.encode()
        # What begins with "folder/" sorts from there up to the next sign after the slash.
        places += [inside, inside[:-1] + bytes([inside[-1] + 1])]
    return "(" + " OR ".join(["(path >= ? AND path < ?)"] * len(roots) or ["0"]) + ")", places


def _values(entry: Entry) -> list[Any]:
    tags = "\n" + "\n".join(clean(t) for t in entry.tags) + "\n" if entry.tags else ""
    given: dict[str, Any] = {
        name: getattr(entry, name) for name in COLUMNS if name not in ("place", "path", "root", "part_of")
    }
    given |= {name: clean(v) for name, v in given.items() if isinstance(v, str)}
    given |= {name: os.fsencode(getattr(entry, name)) for name in ("path", "root", "part_of")}
    given |= {"place": clean(entry.path), "tags": tags, "picture": int(entry.picture)}
    given["details"] = json.dumps(dict(entry.details))
    return [given[name] for name in COLUMNS]


@lru_cache(maxsize=64)
def _root(path: bytes) -> Path:
    return Path(os.fsdecode(path))


def _entry(row: Sequence[Any]) -> Entry:
    given = dict(zip(("id", *COLUMNS), row, strict=True))
    del given["place"]
    given["path"], given["root"] = Path(os.fsdecode(given["path"])), _root(given["root"])
    given["part_of"] = os.fsdecode(given["part_of"])
    tags = given["tags"].strip("\n")
    given["tags"] = tuple(tags.split("\n")) if tags else ()
    given["picture"] = bool(given["picture"])
    given["details"] = json.loads(given["details"])
    return Entry(**given)
