"""Somebody else's items become a set, or nothing does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.items_made import s, take_sound, write_wav
from tests.bench.test_speak_items import ITEM as FOREIGN
from tmlapp.bench.authoring.dataset_import import import_dataset
from tmlapp.bench.authoring.dataset_row import row_of
from tmlapp.bench.authoring.model import Span
from tmlapp.bench.authoring.store import read_set
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

ANN = {"id": "Ann Smith", "consent": True, "consent_date": "", "language": "", "device": "", "room": ""}


def foreign(folder: Path, *changes: Any, sound: float = 20.0) -> Path:
    """An items.jsonl by somebody else, beside its sound."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for n, change in enumerate(changes or ({},)):
        row = json.loads(json.dumps(FOREIGN))
        row |= {"id": f"x-{n}", "input": {"audio": f"{n}.wav", "video": None, "duration_s": sound}} | change
        write_wav(folder / f"{n}.wav", take_sound(n, sound))
        lines.append(json.dumps(row))
    path = folder / "items.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_foreign_items_get_explicit_windows_and_keep_their_own_members(tmp_path: Path) -> None:
    one = json.loads(json.dumps(FOREIGN))["expectations"][0] | {"window": None, "t_ref": 6.3, "weight": 2}
    change = {
        "expectations": [one], "weight": 7, "speaker": "Ann", "script": 5, "notes": "n", "licence": "MIT",
        "stop_t": 19.99999, "split": "dev",
    }  # fmt: skip
    found = import_dataset(foreign(tmp_path / "a", change, {"licence": "MIT"}), tmp_path / "set")
    assert found.items == ("x-0", "x-1")
    assert "expectations.weight" in found.notes["x-0"][0]
    state = read_set(tmp_path / "set")
    item = state.item("x-0")
    assert json.loads(item.extra) == {"colour": "blue", "weight": 7, "speaker": "Ann", "script": 5}
    take = item.best_take
    assert take is not None
    assert take.expectations[0].window == Span(s(6.0), s(9.3))
    assert (take.speaker, state.licence, state.suite, state.name) == ("", "MIT", "cuespeak", "a")
    row = row_of(state, item, take, audio="a.wav", split="test")
    assert (row["weight"], row["speaker"], row["script"]) == (7, None, "")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"schema": "other"}, "line 1"),
        ({"expectations": []}, "line 1"),
        ({"input": {"audio": "../0.wav", "video": None, "duration_s": 20.0}}, "missing"),
        ({"input": {"audio": "absent.wav", "video": None, "duration_s": 20.0}}, "missing"),
        ({"user_words": [{"t0": 25.0, "t1": 26.0, "text": "x"}]}, "x-0 cannot be part of a set"),
        ({"id": "a" * 101}, "cannot be part of a set"),
        ({"speaker": ANN}, "cannot be part of a set"),
    ],
)  # fmt: skip
def test_foreign_items_that_cannot_be_used_leave_nothing_behind(
    tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    path = foreign(tmp_path / "a", change)
    with pytest.raises(AppError, match=match):
        import_dataset(path, tmp_path / "set")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def test_an_import_needs_a_folder_of_its_own_and_something_to_read(tmp_path: Path) -> None:
    path = foreign(tmp_path / "a")
    with pytest.raises(AppError, match="there already"):
        import_dataset(path, tmp_path / "a")
    with pytest.raises(AppError, match="cannot be read"):
        import_dataset(tmp_path / "nowhere", tmp_path / "set")
    (tmp_path / "a" / "dataset.json").write_text("[]")
    assert import_dataset(tmp_path / "a", tmp_path / "set").items == ("x-0",)


def test_speakers_that_contradict_themselves_are_told(tmp_path: Path) -> None:
    one = {"id": "s-1", "consent": True, "consent_date": "2026-01-01", "language": "en", "device": "d", "room": "r"}
    path = foreign(tmp_path / "a", {"speaker": one}, {"speaker": one | {"room": "hall"}})
    found = import_dataset(path, tmp_path / "set")
    assert "described differently" in found.notes["x-1"][0]
    assert read_set(tmp_path / "set").speaker("s-1").room == "r"
