"""Recorded transcripts of both speakers, and work that is ended in the middle."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from tmlapp.bench.data import SuiteItem
from tmlapp.bench.judges.base import JudgePrompt, Question
from tmlapp.bench.judges.human import HumanJudge
from tmlapp.bench.runs.info import RunInfo, differences
from tmlapp.bench.runs.stopping import Stopping
from tmlapp.bench.suites.fdb_v1 import FdbV1
from tmlapp.bench.suites.fdb_v1_5 import FdbV15
from tmlapp.bench.transcripts.cache import CachedTranscriber
from tmlapp.bench.transcripts.recorded import RecordedTranscriber
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

SILENCE = np.zeros(160, np.int16)


def recorded(folder: Path, *names: str) -> CachedTranscriber:
    """Transcripts whose text is the name of their file."""
    for name in names:
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"text": path.stem, "chunks": []}))
    return CachedTranscriber(RecordedTranscriber(folder), folder / "cache")


def test_a_part_named_after_its_input_has_the_output_that_goes_with_it(tmp_path: Path) -> None:
    both = recorded(tmp_path, *(f"s/1/{n}" for n in ("input", "output", "clean_input", "clean_output")))
    for part, output in (("input", "output"), ("clean_input", "clean_output")):
        assert both.for_item("s/1", part).transcribe(SILENCE).text == output
        user = both.for_user("s/1", part)
        assert user is not None
        assert user.transcribe(SILENCE).text == part


def test_the_users_transcript_is_never_taken_for_the_models(tmp_path: Path) -> None:
    folder = recorded(tmp_path, "s/1/input")
    with pytest.raises(AppError, match="There is no transcript of s/1"):
        folder.for_item("s/1", "input")


def test_a_single_session_may_have_a_transcript_of_its_user(tmp_path: Path) -> None:
    folder = recorded(tmp_path, "a/output", "a/input", "b/output", "b/main_2_input")
    found = [folder.for_user(*names) for names in (("a",), ("b", "main_2"))]
    assert [None if f is None else f.transcribe(SILENCE).text for f in found] == ["input", "main_2_input"]
    assert folder.for_user("b") is None


def test_full_duplex_bench_knows_what_its_user_says_in_each_session() -> None:
    item = SuiteItem(id="a", truth={"context_text": "A? ", "current_turn_text": " mhm"})
    assert [FdbV15().user_text(item, part) for part in ("input", "clean_input")] == ["A? mhm", "A?"]
    assert FdbV15().user_text(SuiteItem(id="a", truth={}), "input") == ""
    assert FdbV1().user_text(item, "main") == ""


def test_a_person_who_was_called_off_leaves_questions_ungraded() -> None:
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return "y"

    judge = HumanJudge(ask)
    question = Question(prompt=JudgePrompt(kind="t/a", user="$a", parse=bool), item="i", key="k", fields={"a": "b"})
    assert judge.ask(question).value is True
    judge.close()
    assert judge.ask(question).value is None
    assert len(asked) == 1


def test_elsewhere_than_in_the_main_thread_no_signal_is_touched() -> None:
    found: list[int] = []

    def work() -> None:
        with Stopping() as stopping:
            found.append(stopping.run(lambda: 7))
            with pytest.raises(ZeroDivisionError):
                stopping.run(lambda: 1 // 0)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [7]


def test_recordings_may_be_added_to_a_run_and_none_taken_away() -> None:
    def info(files: int, sha256: str) -> RunInfo:
        return RunInfo(suite="s", data="d", endpoint="e", voice={"id": "files", "files": files, "sha256": sha256})

    assert differences(info(1, "a"), info(2, "b")) == []
    assert len(differences(info(2, "a"), info(2, "b"))) == 1
    assert len(differences(info(2, "a"), info(1, "b"))) == 1
