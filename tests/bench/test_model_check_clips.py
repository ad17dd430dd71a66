"""Manifests of clips: what is read, what is left out and said, and what is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.films import write_film, write_manifest
from tmlapp.bench.model_check.vision_clips import COLUMNS, read_clips, spoken_action
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

REPS = {"n_reps": 2, "rep_end_times_s": "0.5 1.5", "start_s": "0.1", "stop_s": "1.6"}


def folder_of(tmp_path: Path, *rows: dict[str, Any], there: tuple[str, ...] = ("a.avi",), **more: Any) -> Path:
    for name in there:
        (tmp_path / name).write_bytes(b"film " + name.encode())
    write_manifest(tmp_path / "manifest.csv", *rows, **more)
    return tmp_path


def refusal(folder: Path, manifest: Path | None = None) -> AppError:
    with pytest.raises(AppError) as caught:
        read_clips(folder, manifest)
    return caught.value


def test_rows_are_read_sorted_by_name_and_keep_their_place(tmp_path: Path) -> None:
    rows = [{"file": "b.avi", **REPS, "certainty": "unsure", "action": "squat (3D)"}, {"file": "a.avi"}]
    found = read_clips(folder_of(tmp_path, *rows, there=("a.avi", "b.avi")))
    one, two = found.clips
    assert (one.name, one.number, one.negative, one.span_s, one.sure) == ("a.avi", 0, True, None, True)
    assert (two.number, two.ends_s, two.span_s, two.sure, two.action) == (1, (0.5, 1.5), (0.1, 1.6), False, "squat")
    assert (found.rows, found.absent) == (2, ())
    assert set(found.files_sha256) == {"a.avi", "b.avi"}
    assert len(found.manifest_sha256) == 64


def test_files_that_are_not_there_are_named_and_a_limit_takes_the_first_that_are(tmp_path: Path) -> None:
    rows = [{"file": name} for name in ("a.avi", "b.avi", "c.avi", "d.avi")]
    folder = folder_of(tmp_path, *rows, there=("b.avi", "d.avi"))
    (folder / "c.avi").mkdir()
    found = read_clips(folder, limit=1)
    assert [(c.name, c.number) for c in found.clips] == [("b.avi", 1)]
    assert found.absent == ("a.avi", "c.avi")


def test_the_manifest_may_lie_elsewhere(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    write_film(media / "a.avi", 0.5)
    manifest = write_manifest(tmp_path / "list.csv", {"file": "a.avi", **REPS})
    assert [c.path for c in read_clips(media, manifest).clips] == [media / "a.avi"]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    left = tuple(c for c in COLUMNS if c != column)
    error = refusal(folder_of(tmp_path, {"file": "a.avi"}, columns=left))
    assert error.why == f"It has no column {column}."


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"n_reps": "two"}, "n_reps is 'two', which is no number of 0 or more."),
        ({"n_reps": ""}, "n_reps is '', which is no number of 0 or more."),
        ({"n_reps": 3}, "n_reps is 3, but rep_end_times_s holds 2 times."),
        ({"rep_end_times_s": "0.5 soon"}, "rep_end_times_s is 'soon', which is no number of 0 or more."),
        ({"rep_end_times_s": "0.5 -1"}, "rep_end_times_s is '-1', which is no number of 0 or more."),
        ({"rep_end_times_s": "0.5 nan"}, "rep_end_times_s is 'nan', which is no number of 0 or more."),
        ({"rep_end_times_s": "1.5 0.5"}, "The times in rep_end_times_s do not rise."),
        ({"stop_s": ""}, "stop_s is '', which is no number of 0 or more."),
        ({"stop_s": "0.1"}, "stop_s (0.1) is not after start_s (0.1)."),
        ({"file": ""}, "The file '' is no name inside the folder."),
        ({"file": "../a.avi"}, "The file '../a.avi' is no name inside the folder."),
    ],
)
def test_a_row_that_contradicts_itself_is_refused_with_its_line(tmp_path: Path, row: dict[str, Any], why: str) -> None:
    error = refusal(folder_of(tmp_path, {"file": "a.avi", **REPS, **row}))
    assert error.why == why
    assert error.what.startswith("Line 2 of ")


def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    assert "named twice" in refusal(folder_of(tmp_path, {"file": "a.avi"}, {"file": "a.avi"})).why


def test_a_folder_that_is_not_there_or_empty_or_without_the_files_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone").what.startswith("There is no folder")
    assert "manifest.csv cannot be read" in refusal(tmp_path).what
    assert refusal(folder_of(tmp_path, {"file": "a.avi"}, there=())).what.startswith("None of the 1 files")
    assert refusal(folder_of(tmp_path)).why == "It names no file."


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"file,n_reps\n\xff\xfe,1\n", "It is not UTF-8"),
        (b'file,n_reps,rep_end_times_s,start_s,stop_s\n"a.avi,1\n', "It is no table"),
        (b"", "It has no column file"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "manifest.csv").write_bytes(data)
    assert refusal(tmp_path).why.startswith(why)


@pytest.mark.parametrize(
    ("action", "spoken"),
    [("squat (gif with pose text)", "squat"), ("(none: plank hold)", "this exercise"), ("", "this exercise")],
)
def test_an_action_is_spoken_without_what_stands_in_brackets(action: str, spoken: str) -> None:
    assert spoken_action(action) == spoken
