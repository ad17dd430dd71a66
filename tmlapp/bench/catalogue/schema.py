"""The database file: its tables, and what happens to one that is damaged or not ours."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

APPLICATION_ID = 0x746D6C63
VERSION = 2
"""Stands in the file's name too, so that two versions of the app keep one each and neither spoils the other's."""

FILE = f"catalogue-{VERSION}.db"
_BUSY_S = 30.0

COLUMNS = (
    "path", "place", "root", "kind", "identity", "session", "name", "state", "why", "created", "created_s",
    "duration_s", "endpoint", "suite", "instruction", "said", "notes", "tags", "verdict", "grade", "size", "mtime_ns",
    "stamp", "strays", "part_of", "picture", "copies", "details",
)  # fmt: skip

_ENTRY = """
CREATE TABLE IF NOT EXISTS entry (
  id INTEGER PRIMARY KEY AUTOINCREMENT, path BLOB NOT NULL UNIQUE, place TEXT NOT NULL, root BLOB NOT NULL,
  kind TEXT NOT NULL, identity TEXT NOT NULL, session TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
  why TEXT NOT NULL, created TEXT NOT NULL, created_s REAL NOT NULL, duration_s REAL, endpoint TEXT NOT NULL,
  suite TEXT NOT NULL, instruction TEXT NOT NULL, said TEXT NOT NULL, notes TEXT NOT NULL, tags TEXT NOT NULL,
  verdict TEXT NOT NULL, grade TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, stamp TEXT NOT NULL,
  strays TEXT NOT NULL, part_of BLOB NOT NULL, picture INTEGER NOT NULL, copies INTEGER NOT NULL,
  details TEXT NOT NULL);
"""
_INDEXES = """
CREATE INDEX IF NOT EXISTS entry_identity ON entry (identity);
CREATE INDEX IF NOT EXISTS entry_session ON entry (session) WHERE session != '';
CREATE INDEX IF NOT EXISTS entry_created ON entry (created_s);
"""
_PLAIN = "CREATE TABLE IF NOT EXISTS plain (id INTEGER PRIMARY KEY, folded TEXT NOT NULL);"
_WORDS = "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2');"


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection, and what a person should know: `notice` is empty where all is as it should be."""

    connection: sqlite3.Connection
    in_memory: bool
    notice: str


class _UnusableError(Exception):
    """The file is damaged or belongs to another program."""


def open_database(folder: Path) -> Opened:
    """Open the catalogue in `folder`, made anew where it is missing, damaged, or not ours.

    What was there is never deleted but renamed. Where nothing can be written, the database is in memory, and says so.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return Opened(_connected(path), False, "")
        except _UnusableError as error:
            aside = _set_aside(path)
            return Opened(_connected(path), False, f"The catalogue is built anew: {error} It is kept as {aside.name}.")
    except (OSError, sqlite3.OperationalError, _UnusableError) as error:
        told = getattr(error, "strerror", None) or str(error)
        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        create(connection)
        return Opened(
            connection,
            True,
            f"The catalogue is kept in memory only: {path} cannot be written ({told}).",
        )


def _connected(path: Path) -> sqlite3.Connection:
    try:
        connection = connect(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise _UnusableError(f"it was damaged ({error}).") from error
    try:
        _check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        create(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """One more connection to the database at `path`, for any thread, one at a time."""
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
    try:
        # A cache may lose its last second to a power cut, but is never damaged by one.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and (application, version) != (APPLICATION_ID, VERSION):
            raise _UnusableError("it was another program's database.")
        (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise _UnusableError(f"it was damaged ({error}).") from error
    if sound != "ok":
        raise _UnusableError(f"it was damaged ({sound}).")


def create(connection: sqlite3.Connection) -> None:
    """Make whatever table is missing; several processes may do so at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        for statement in (_ENTRY, *_INDEXES.strip().splitlines(), _PLAIN):
            connection.execute(statement)
        # Builds of SQLite without it exist; words are then looked up by LIKE.
        with suppress(sqlite3.OperationalError):
            connection.execute(_WORDS)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def has_fts(connection: sqlite3.Connection) -> bool:
    """Whether words are looked up in a full-text index."""
    found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'words'").fetchone()
    return bool(found[0])


def _set_aside(path: Path) -> Path:
    """Rename a database that cannot be used, with what belongs to it; the new name."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = path.with_name(f"{path.name}.aside-{stamp}")
    for suffix in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + suffix)
        with suppress(FileNotFoundError):
            os.rename(beside, aside.with_name(aside.name + suffix))
    return aside
