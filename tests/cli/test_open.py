"""`tmlapp open` and `tmlapp export` of a stretch, as a person types them."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import pytest

from tests.bench.sessions import make_recording
from tests.cli.invoking import answer, invoke
from tmlapp.bench.authoring.commands import AddItem
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.model import ItemDraft
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.interchange.files import read_tiers
from tmlapp.bench.runs.info import ItemResult, PartResult, RunInfo
from tmlapp.bench.runs.store import RunStore
from tmlapp.cli import open as open_module
from tmlapp.ui import app as app_module

pytestmark = pytest.mark.unit


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return make_recording(tmp_path / "rec", [(1.0, "one"), (2.0, "two")], heard_after_s=0.2).path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the window would have been told to open; there is a display."""
    asked: list[Any] = []

    def run_window(argv: list[str], plan: object = None, *, go: object = None) -> int:
        asked.append(go)
        return 0

    monkeypatch.setattr(open_module, "has_display", lambda: True)
    monkeypatch.setattr(app_module, "run_window", run_window)
    return asked


def run_folder(folder: Path, *, done: bool) -> Path:
    items = [SuiteItem(id=name, truth={}, parts=(Part(),)) for name in ("a", "b")]
    with RunStore.create(folder, RunInfo(suite="cuespeak", data="d", endpoint="onnx:tiny"), items) as store:
        if done:
            path = make_recording(store.item_folder("b")).path
            part = PartResult(name="main", recording=path.name, media_t0_s=0.0, duration_s=1.0, session_s=1.0)
            store.write_result(ItemResult(id="b", state="done", parts={"main": part}))
            gone = PartResult(name="main", recording="gone.mcap", media_t0_s=0.0, duration_s=1.0, session_s=1.0)
            store.write_result(ItemResult(id="a", state="done", parts={"main": gone}))
    return folder


def test_a_recording_opens_in_review_at_its_moment(recording: Path, opened: list[Any]) -> None:
    assert invoke("open", recording, "--at", "1.25").exit_code == 0
    assert invoke("open", recording).exit_code == 0
    late = invoke("open", recording, "--at", "99")
    assert "ends at 4 s" in late.stderr
    assert opened == [("review", (recording, 1.25)), ("review", (recording, None)), ("review", (recording, 4.0))]


def test_a_set_of_items_opens_in_items(tmp_path: Path, opened: list[Any]) -> None:
    with Editor.open(tmp_path / "set") as editor:
        editor.do(AddItem(ItemDraft("cs-0001", "cuespeak")))
    assert invoke("open", tmp_path / "set").exit_code == 0
    assert opened == [("items", ("set", tmp_path / "set"))]
    assert invoke("open", tmp_path / "set", "--at", "1").exit_code == 2


def test_a_run_opens_with_its_first_recording(tmp_path: Path, opened: list[Any]) -> None:
    run = run_folder(tmp_path / "run", done=True)
    result = invoke("open", run)
    assert result.exit_code == 0
    assert "b is shown first" in result.stderr
    ((name, (path, at)),) = opened
    assert (name, path.is_file(), at) == ("review", True, None)
    empty = invoke("open", run_folder(tmp_path / "empty", done=False))
    assert empty.exit_code == 1
    assert "has a recording yet" in empty.stderr


def test_without_a_display_it_says_so_and_what_the_recording_holds(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_module, "has_display", lambda: False)
    result = invoke("open", recording, "--at", "1")
    assert result.exit_code == 0
    assert "No display" in result.stderr
    assert "20 micro-turns" in result.stdout
    shown = invoke("open", run_folder(tmp_path / "run", done=True))
    assert shown.exit_code == 1
    assert "There is no display." in shown.stderr


def test_what_cannot_be_opened_is_told_before_any_window(tmp_path: Path, opened: list[Any]) -> None:
    (tmp_path / "empty").mkdir()
    for path, words in ((tmp_path / "none.mcap", "cannot be opened"), (tmp_path / "empty", "neither a set of items")):
        result = invoke("open", path)
        assert result.exit_code == 1
        assert words in result.stderr
    assert opened == []


# ---------------------------------------------------------------- export


def test_a_stretch_is_exported_by_the_name_of_its_file(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.wav"
    done = answer(
        invoke("export", recording, "--to", out, "--from", "0.5", "--until", "1.5", "--sound", "mic", "--json")
    )
    assert done["files"] == [str(out)]
    with wave.open(str(out), "rb") as file:
        assert (file.getframerate(), file.getnframes()) == (16_000, 16_000)
    refused = invoke("export", recording, "--to", out)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert invoke("export", recording, "--to", out, "--force").exit_code == 0


def test_a_format_alone_writes_beside_the_recording(recording: Path, tmp_path: Path) -> None:
    assert answer(invoke("export", recording, "--to", "textgrid", "--json"))["files"] == [
        str(recording.with_suffix(".TextGrid"))
    ]  # fmt: skip
    tiers = read_tiers(recording.with_suffix(".TextGrid"))
    assert "heard" in tiers.names
    assert str(tmp_path / "squats.csv") in invoke("export", recording, "--to", "csv", "--out", tmp_path).stdout
    named = tmp_path / "table"
    assert invoke("export", recording, "--to", named, "--format", "csv").exit_code == 0
    assert named.read_text(encoding="utf-8").startswith("tier,kind,")


def test_an_export_that_makes_no_sense_is_refused(recording: Path, tmp_path: Path) -> None:
    for words in (
        ("--to", "betamax"),
        ("--format", "betamax"),
        ("--to", "x.wav", "--sound", "loud"),
        ("--to", "folder", "--from", "1"),
        ("--to", "x.wav", "--from", "-1"),
    ):
        assert invoke("export", recording, *words).exit_code == 2, words
    outside = invoke("export", recording, "--to", tmp_path / "x.wav", "--from", "9")
    assert outside.exit_code == 1
    assert "nothing to export" in outside.stderr
    assert invoke("export", recording, "--to", tmp_path / "x.doc").exit_code == 1


def test_progress_is_shown_to_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    from tmlapp.cli.export import _Shown

    shown = _Shown(quiet=False)
    for share in (0.0, 0.001, 0.5, 1.0):
        shown(share)
    assert capsys.readouterr().err.split() == ["0", "%", "50", "%", "100", "%"]
