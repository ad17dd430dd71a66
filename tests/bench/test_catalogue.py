"""The catalogue follows the files: moved, renamed, deleted, copied, cut, foreign, in folders of every kind."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from mcap.writer import Writer

from tests.bench.catalogue_parts import Inline, make_recording, truncate
from tests.recording.parts import make_turn, recorder
from tmlapp.bench.annotations import annotate
from tmlapp.bench.catalogue.entry import Candidate, Entry
from tmlapp.bench.catalogue.refresh import Progress, Refreshed, refresh
from tmlapp.bench.catalogue.schema import FILE
from tmlapp.bench.catalogue.store import Catalogue
from tmlapp.bench.catalogue.workers import Workers
from tmlapp.core.errors import AppError
from tmlapp.core.event import ConnectionChanged, Granted, InputLost, SessionOpened
from tmlapp.ui.library.texts import cell_text, state_text

pytestmark = pytest.mark.device


@pytest.fixture(scope="module")
def workers() -> Inline:
    return Inline()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "recordings"
    made.mkdir()
    return made


class Shelf:
    """A catalogue over one folder, as a test looks at it."""

    def __init__(self, folder: Path, root: Path, workers: Inline) -> None:
        self.catalogue = Catalogue.open(folder)
        self.root, self.workers = root, workers

    def look(self, **more: object) -> Refreshed:
        return refresh(self.catalogue, [self.root], workers=self.workers, **more)  # type: ignore[arg-type]

    def found(self, text: str = "") -> list[Entry]:
        return self.catalogue.rows(self.catalogue.search(text, sort="name", ascending=True))

    def names(self, text: str = "") -> list[str]:
        return [e.name for e in self.found(text)]

    def one(self, text: str = "") -> Entry:
        (entry,) = self.found(text)
        return entry


@pytest.fixture
def shelf(tmp_path: Path, root: Path, workers: Inline) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "cache", root, workers)
    yield made
    made.catalogue.close()


def test_a_recording_is_shown_with_all_that_it_tells_of_itself(shelf: Shelf, root: Path) -> None:
    path = make_recording(
        root / "friday", "squats", said=("one", "“two”"), typed="and now faster", endpoint="onnx:tiny"
    )
    assert shelf.look() == Refreshed(files=1, read=1)
    entry = shelf.one()
    assert (entry.path, entry.root, entry.kind, entry.name, entry.state) == (path, root, "recording", "squats", "ok")
    assert (entry.endpoint, entry.instruction) == ("onnx:tiny", "Please count out reps for squats.")
    assert (entry.duration_s, entry.created, entry.said) == (1.0, "2026-11-22T10:00:00+00:00", "one\n“two”")
    assert entry.picture
    assert entry.size == path.stat().st_size
    assert entry.notes == "and now faster\nnoted in squats"
    assert shelf.names("faster") == shelf.names("noted squats") == shelf.names('"two"') == ["squats"]
    assert shelf.catalogue.full_text == "fts5"


def test_what_has_not_changed_is_not_read_again(shelf: Shelf, root: Path) -> None:
    path = make_recording(root)
    shelf.look()
    assert shelf.look().read == 0
    annotate(path, "note", data={"text": "look at the knees"})
    assert shelf.look().read == 1
    assert shelf.names("knees") == ["squats"]


def test_a_moved_and_renamed_file_keeps_its_row(shelf: Shelf, root: Path) -> None:
    make_recording(root, "a")
    make_recording(root, "b")
    shelf.look()
    before = shelf.one("noted a").id
    (root / "später").mkdir()
    os.rename(root / "a.mcap", root / "später" / "größer 深蹲.mcap")
    assert shelf.look().moved == 1
    entry = shelf.one("深蹲")
    assert (entry.id, entry.path) == (before, root / "später" / "größer 深蹲.mcap")
    assert shelf.names() == ["b", "größer 深蹲"]
    assert shelf.names("is:missing") == []


def test_two_files_that_swap_their_names_swap_their_rows(shelf: Shelf, root: Path) -> None:
    make_recording(root, "a")
    make_recording(root, "b", said=("three",))
    shelf.look()
    a = shelf.one("noted a").id
    os.rename(root / "a.mcap", root / "c")
    os.rename(root / "b.mcap", root / "a.mcap")
    os.rename(root / "c", root / "b.mcap")
    shelf.look()
    # What stands under a name is what counts: nothing is lost, and nothing is there twice.
    assert {e.name: e.notes for e in shelf.found()} == {"a": "noted in b", "b": "noted in a"}
    assert a in {e.id for e in shelf.found()}


def test_a_tag_finds_its_recording_although_only_that_was_moved(shelf: Shelf, root: Path, tmp_path: Path) -> None:
    from tmlapp.bench.catalogue.trash import bring_along, set_tag

    make_recording(root, "a")
    shelf.look()
    set_tag(shelf.one(), "To  Check")
    os.rename(root / "a.mcap", root / "b.mcap")
    shelf.catalogue.clear()
    shelf.look()
    assert (shelf.one().name, shelf.one().tags) == ("b", ("to check",))
    assert shelf.look().read == 0
    set_tag_error = pytest.raises(AppError, match="left behind")
    with set_tag_error:
        set_tag(shelf.one(), "to check", "untag")
    assert bring_along(shelf.one()) == []  # Nothing is known of the old name any more.


def test_files_that_were_left_behind_are_brought_along(shelf: Shelf, root: Path) -> None:
    from tmlapp.bench.catalogue.trash import bring_along

    path = make_recording(root, "a")
    for ending in (".grades.jsonl", ".truth-2.json", ".qa.html", ".html"):
        path.with_suffix(ending).write_text("{}\n")
    shelf.look()
    os.rename(path, root / "b.mcap")
    shelf.look()
    moved = bring_along(shelf.one())
    assert sorted(p.name for p in moved) == ["b.grades.jsonl", "b.html", "b.qa.html", "b.truth-2.json"]
    assert sorted(p.name for p in root.iterdir()) == [
        "b.grades.jsonl",
        "b.html",
        "b.mcap",
        "b.qa.html",
        "b.truth-2.json",
    ]


def test_a_deleted_file_is_listed_only_where_missing_ones_are_asked_for(shelf: Shelf, root: Path) -> None:
    make_recording(root, "a")
    path = make_recording(root, "b")
    shelf.look()
    kept = path.read_bytes()
    path.unlink()
    assert shelf.look().missing == 1
    assert (shelf.names(), shelf.names("is:missing")) == (["a"], ["b"])
    assert shelf.one("is:missing").why == "Its file is gone."
    assert shelf.look().missing == 0
    path.write_bytes(kept)
    shelf.look()
    assert shelf.names() == ["a", "b"]
    path.unlink()
    shelf.look()
    shelf.catalogue.forget([shelf.one("is:missing").id])
    assert shelf.names("is:missing") == []


def test_copies_are_counted(shelf: Shelf, root: Path) -> None:
    path = make_recording(root, "a")
    make_recording(root, "other")
    shutil.copy(path, root / "copy.mcap")
    shelf.look()
    assert shelf.names("is:copy") == ["a", "copy"]
    assert [e.copies for e in shelf.found()] == [2, 2, 1]
    (root / "copy.mcap").unlink()
    shelf.look()
    assert [e.copies for e in shelf.found()] == [1, 1]


def test_damaged_empty_and_foreign_files_are_told_apart(shelf: Shelf, root: Path) -> None:
    truncate(make_recording(root, "cut"))
    (root / "empty.mcap").touch()
    (root / "text.mcap").write_text("no recording")
    with (root / "robot.mcap").open("wb") as file:
        writer = Writer(file)
        writer.start()
        writer.finish()
    (root / "noise.mcap").write_bytes(os.urandom(2000))
    shelf.look()
    assert shelf.names("is:damaged") == ["cut", "empty"]
    assert shelf.names("is:foreign") == ["noise", "robot", "text"]
    assert shelf.names() == ["cut", "empty"]
    cut = shelf.found("is:damaged")[0]
    assert cut.instruction == "Please count out reps for squats."
    assert "damaged" in cut.why
    assert shelf.look().read == 0


def test_a_killed_session_is_unfinished_and_its_repair_takes_its_place(shelf: Shelf, root: Path) -> None:
    from tmlapp.recording.recover import recover

    part = make_recording(root, "killed", finish=False)
    shelf.look()
    entry = shelf.one("is:unfinished")
    assert (entry.path, entry.name, entry.duration_s) == (part, "killed", 0.8)
    recover(part)
    shelf.look()
    assert [(e.name, e.state) for e in shelf.found()] == [("killed", "ok")]
    assert shelf.names("is:unfinished") == []


def test_a_session_that_runs_is_shown_as_such(shelf: Shelf, root: Path) -> None:
    from tmlapp.recording.part import PartFile

    part = PartFile.create(root, "now")
    shelf.look()
    assert shelf.one().state == "recording"  # Not one byte of it is there yet.
    part.close()
    shelf.look()
    assert shelf.one("is:damaged").why == "It has 0 bytes."
    from tests.recording.parts import fill
    from tmlapp.recording.log_writer import LogWriter

    part = PartFile.create(root, "live")
    fill(LogWriter(part), part, 3)
    shelf.look()
    assert [(e.name, e.duration_s) for e in shelf.found("is:recording")] == [("live", 0.6)]
    part.close()
    shelf.look()
    assert shelf.names("is:unfinished") == ["live"]


def test_folders_without_permission_and_loops_of_links_cost_nothing_else(shelf: Shelf, root: Path) -> None:
    make_recording(root / "a", "one")
    (root / "a" / "loop").symlink_to(root)
    (root / "nowhere").symlink_to(root / "gone")
    make_recording(root / "closed", "two")
    shelf.look()
    assert shelf.names() == ["one", "two"]

    real = os.scandir

    def refusing(path: Path) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    # The tests may run as root, whom no permission stops.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tmlapp.bench.catalogue.walk.os.scandir", refusing)
        found = shelf.look()
    assert found.unread == [(root / "closed", "Permission denied")]
    assert (shelf.names(), shelf.names("is:missing")) == (["one"], ["two"])
    assert "cannot be read" in shelf.one("is:missing").why
    shelf.look()
    assert shelf.names() == ["one", "two"]


def test_a_root_that_is_not_there_keeps_its_rows(shelf: Shelf, root: Path) -> None:
    make_recording(root, "a")
    shelf.look()
    os.rename(root, root.with_name("unplugged"))
    found = shelf.look()
    assert [path for path, _ in found.unread] == [root]
    assert shelf.names("is:missing") == ["a"]
    os.rename(root.with_name("unplugged"), root)
    shelf.look()
    assert shelf.names() == ["a"]


def test_names_that_are_no_text_at_all_are_shown_and_found(shelf: Shelf, root: Path) -> None:
    path = make_recording(root, "a")
    try:
        os.rename(path, os.fsencode(root) + b"/caf\xe9.mcap")
    except OSError:
        pytest.skip("this file system takes no such names")
    shelf.look()
    entry = shelf.one("caf")
    assert os.fsencode(entry.path).endswith(b"caf\xe9.mcap")


def test_runs_sets_datasets_and_exports_have_rows_of_their_own(shelf: Shelf, root: Path) -> None:
    from tmlapp.bench.authoring.editor import Editor
    from tmlapp.recording.export.folder import export_folder
    from tmlapp.recording.reader import Recording

    run = root / "run 1"
    info = {"suite": "timespeak", "data": "d", "endpoint": "onnx:tiny", "created": "2026-11-20T10:00:00+00:00"}
    make_recording(run / "items" / "00000-ts-1", "main")
    (run / "run.json").write_text(json.dumps({**info, "n_items": 1, "finished": "2026-11-20T10:05:00+00:00"}))
    (run / "items" / "00000-ts-1" / "result.json").write_text(json.dumps({"id": "ts-1", "state": "done"}))
    verdict = {"item": "ts-1", "passed": False, "score": 0.0}
    grade = {"suite": "timespeak", "metric": "both, %", "score": 50.0, "verdicts": [verdict]}
    (run / "grades.jsonl").write_text(json.dumps({"when": "w", "grade": grade}) + "\n")
    Editor.open(root / "my set").close()
    data = root / "data"
    data.mkdir()
    line = {"id": "cs-1", "suite": "cuespeak", "instruction": {"text": "Say when the bell rings"}}
    (data / "items.jsonl").write_text(json.dumps(line) + "\n")
    export_folder(Recording.open(make_recording(root, "a")), root / "a export")
    (root / "web").mkdir()
    (root / "web" / "run.json").write_text("{}")
    (root / "web" / "setup.json").write_text("{}")
    shelf.look()
    assert shelf.names("kind:run") == ["run 1"]
    assert shelf.one("kind:run").grade == "50.0 % both"
    assert shelf.names("kind:items bell") == ["data"]
    assert len(shelf.found("kind:items")) == 2
    assert shelf.names("kind:export") == ["a export"]
    main = shelf.one("kind:recording suite:timespeak verdict:fail")
    assert (main.name, main.details["item"], main.part_of) == ("main", "ts-1", str(run / "run.json"))
    # A later grade changes what the run's recordings say.
    verdict["passed"] = True
    (run / "grades.jsonl").write_text(json.dumps({"when": "w", "grade": grade}) + "\n")
    shelf.look()
    assert shelf.names("verdict:pass kind:recording") == ["main"]
    (data / "items.jsonl").write_text('{"id": "x"}\n{"id"')
    (run / "run.json").write_text("{")
    shelf.look()
    assert shelf.names("is:damaged") == ["data", "run 1"]
    assert shelf.names("is:foreign") == ["web"]


def test_what_a_person_said_holds_against_what_a_rule_found(shelf: Shelf, root: Path) -> None:
    path = make_recording(root, "a")
    grade = {"metric": "OBO, %", "score": 100.0, "verdicts": [{"item": "a", "passed": True}]}
    path.with_suffix(".grades.jsonl").write_text(json.dumps({"grade": grade}) + '\n{"cut')
    shelf.look()
    assert (shelf.one("verdict:pass").grade, shelf.one("is:graded").verdict) == ("100.0 % OBO", "pass")
    annotate(path, "verdict", data={"value": "wrong", "note": "counted air"})
    shelf.look()
    assert shelf.names("verdict:fail air") == ["a"]


def test_a_rebuild_loses_nothing(shelf: Shelf, root: Path) -> None:
    from tmlapp.bench.catalogue.trash import set_tag

    make_recording(root, "a")
    shelf.look()
    set_tag(shelf.one(), "blurred")
    set_tag(shelf.one(), "dark")
    shelf.look()
    set_tag(shelf.one(), "dark", "untag")
    shelf.look()
    before = shelf.one("tag:blurred -tag:dark")
    shelf.catalogue.clear()
    assert shelf.found() == []
    shelf.look()
    after = shelf.one()
    assert (after.tags, after.notes, after.identity) == (before.tags, before.notes, before.identity)
    assert shelf.catalogue.values_of("tags") == ["blurred"]
    assert shelf.catalogue.values_of("endpoint") == ["onnx:tiny"]


def test_progress_is_told_and_a_look_can_be_stopped(shelf: Shelf, root: Path) -> None:
    for i in range(6):
        make_recording(root, f"r{i}", turns=1, frames=False)
    told: list[Progress] = []
    stop: list[bool] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if progress.done == 3:
            stop.append(True)

    found = shelf.look(progress=tell, cancelled=lambda: bool(stop))
    assert found.cancelled
    assert told[0] == Progress(0, 6)
    assert 3 <= len(shelf.found()) < 6
    assert shelf.look().read == 6 - len(told) + 1
    assert len(shelf.found()) == 6
    assert shelf.look(cancelled=lambda: True).cancelled


def test_a_reader_that_dies_costs_one_file(root: Path) -> None:
    results: list[object] = []
    workers = Workers(2)
    workers.run("os:_exit", [9], lambda _n, result: results.append(result))
    assert "died" in str(results[0].error)  # type: ignore[attr-defined]
    workers.run("os:fsencode", ["a", 5], lambda _n, result: results.append(result))
    assert b"a" in results
    with pytest.raises(AppError, match="TypeError"):
        workers.call("os:fsencode", 5)
    made = make_recording(root, "a")
    candidate = Candidate(path=made, root=root, kind="recording", size=1, mtime_ns=1, stamp="")
    entry = workers.call("tmlapp.bench.catalogue.probe_sets:probe", candidate)
    assert entry.name == "a"
    workers.close()
    with pytest.raises(AppError, match="was not done"):
        workers.call("os:fsencode", "a")


def test_a_database_that_is_damaged_or_foreign_is_set_aside(tmp_path: Path, root: Path, workers: Inline) -> None:
    make_recording(root, "a")
    cache = tmp_path / "cache"
    cache.mkdir()
    for spoil in (b"not a database at all" * 100, None):
        if spoil is None:
            (cache / FILE).unlink(missing_ok=True)
            other = sqlite3.connect(cache / FILE)
            other.execute("CREATE TABLE mine (x)")
            other.close()
        else:
            (cache / FILE).write_bytes(spoil)
        with Catalogue.open(cache) as catalogue:
            assert "built anew" in catalogue.notice
            refresh(catalogue, [root], workers=workers)
            assert len(catalogue.search()) == 1
    aside = sorted(cache.glob("*.aside-*"))
    assert len([p for p in aside if not p.name.endswith(("-wal", "-shm"))]) == 2
    with Catalogue.open(cache) as catalogue:
        assert catalogue.notice == ""
        assert len(catalogue.search()) == 1


def test_a_cache_folder_that_cannot_be_written_keeps_the_catalogue_in_memory(
    tmp_path: Path, root: Path, workers: Inline
) -> None:
    make_recording(root, "a")
    (tmp_path / "file").touch()
    with Catalogue.open(tmp_path / "file") as catalogue:
        assert catalogue.in_memory
        assert "in memory only" in catalogue.notice
        refresh(catalogue, [root], workers=workers)
        assert len(catalogue.search("squats")) == 1


def test_without_a_full_text_index_words_are_found_all_the_same(
    tmp_path: Path, root: Path, workers: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tmlapp.bench.catalogue.schema._WORDS", "CREATE VIRTUAL TABLE words USING no_such_module (x)")
    make_recording(root, "Übung", said=("深蹲 eins",))
    shelf = Shelf(tmp_path / "cache", root, workers)
    shelf.look()
    assert shelf.catalogue.full_text == "like"
    for text in ("übung", "蹲", '"please count"', "eins -zwei"):
        assert shelf.names(text) == ["Übung"], text
    assert shelf.names("100%") == shelf.names("eins_") == []
    shelf.catalogue.clear()
    shelf.catalogue.close()


def test_a_database_that_breaks_while_it_is_used_is_told(shelf: Shelf) -> None:
    with pytest.raises(AppError, match="cannot be used right now"), shelf.catalogue._reading() as db:
        db.execute("SELECT * FROM no_such_table")
    with pytest.raises(AppError, match="is damaged"), shelf.catalogue._writing():
        raise sqlite3.DatabaseError("malformed")
    shelf.catalogue.close()
    with pytest.raises(AppError, match="closed"):
        shelf.catalogue.search()


def test_sorting_by_every_column(shelf: Shelf, root: Path) -> None:
    make_recording(root, "b", turns=2, created="2026-11-21T10:00:00")
    make_recording(root, "A", turns=3, endpoint="scripted:x")
    shelf.look()
    for sort in ("created", "duration", "endpoint", "size", "name", "suite", "tags", "verdict", "state", "kind"):
        up = shelf.catalogue.search(sort=sort, ascending=True)  # type: ignore[arg-type]
        down = shelf.catalogue.search(sort=sort)  # type: ignore[arg-type]
        assert up == down[::-1], sort
    assert shelf.names() == ["A", "b"]


def test_rows_of_other_folders_are_left_alone_and_not_shown(shelf: Shelf, root: Path, tmp_path: Path) -> None:
    make_recording(root, "a")
    elsewhere = tmp_path / "recordings elsewhere"
    make_recording(elsewhere, "b")
    shelf.look()
    refresh(shelf.catalogue, [elsewhere], workers=shelf.workers)
    assert shelf.names() == ["a", "b"]
    ids = shelf.catalogue.search(roots=[root])
    assert [e.name for e in shelf.catalogue.rows(ids)] == ["a"]
    assert shelf.catalogue.search(roots=[]) == []
    assert shelf.catalogue.counts([elsewhere]) == {"ok": 1}
    assert shelf.catalogue.counts() == {"ok": 2}


def test_a_session_whose_connection_broke_is_shown_as_such_with_the_model_that_was_met(
    shelf: Shelf, root: Path
) -> None:
    granted = Granted(endpoint="profile:srv", name="omni-7b", local=False, provider="lab.example.org")
    writer = recorder(root, [])
    writer.start()
    for event in (
        SessionOpened(granted=granted),
        ConnectionChanged(state="reconnecting", epoch=0),
        InputLost(micro_turn=1, what="turn", reason="gone"),
        ConnectionChanged(state="open", epoch=1),
    ):
        writer.event(event)
    for index in range(3):
        writer.turn(make_turn(index), ready_ns=0, pushed_ns=1, drift_ppm=None)
    writer.close()
    run = root / "a-run"
    (run / "items" / "0").mkdir(parents=True)
    (run / "items" / "0" / "result.json").write_text(json.dumps({"id": "x", "state": "interrupted"}))
    made = {"suite": "timespeak", "endpoint": "profile:srv", "n_items": 1, "granted": asdict(granted)}
    (run / "run.json").write_text(json.dumps(made))
    shelf.look()
    found = {entry.kind: entry for entry in shelf.found()}
    recording = found["recording"]
    cost = "1 micro-turn (0.2 s) did not reach the model, the connection was made again"
    assert (recording.details["interrupted"], recording.details["model"]) == (cost, "omni-7b at lab.example.org")
    assert (state_text(recording), cell_text(recording, "endpoint")) == ("interrupted", "omni-7b at lab.example.org")
    assert found["run"].details["interrupted"] == "1 item"
    assert found["run"].details["model"] == "omni-7b at lab.example.org"
