from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bench.judge_server import Scripted, question
from tmlapp.bench.judges.base import Question, Ruling
from tmlapp.bench.judges.cache import CachedJudge
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.judges.table import read_lines
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit
resource = pytest.importorskip("resource", reason="disks are filled by a limit that only Unix has")


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_same_content_is_asked_once_whatever_item_it_stands_in(tmp_path: Path) -> None:
    judge = Scripted(reply="yes")
    cached = CachedJudge(judge, tmp_path / "run" / "verdicts.jsonl")
    assert (cached.name, cached.parallel) == ("scripted", 4)
    first = cached.ask(question(1))
    again = cached.ask(Question(prompt=question(1).prompt, item="other", key="k", fields=question(1).fields))
    assert (first.cached, again.cached, again.value, again.replies) == (False, True, True, ("yes",))
    assert judge.asked == ["item-1"]
    assert cached.provenance() == (
        {
            "judge": "scripted",
            "kind": "t/correct",
            "prompt_sha256": question().prompt.sha256,
            "calls": 1,
            "cached": 1,
            "models": ["m-1"],
        },
    )
    cached.close()
    cached.close()


def test_a_grade_is_repeated_without_the_judge_and_says_who_ruled(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    with_judge = CachedJudge(Scripted(False, reply="no"), path)
    rulings = [with_judge.ask(question(n)) for n in range(3)]
    with_judge.close()
    judge = Scripted()
    again = CachedJudge(judge, path)
    assert [r.value for r in map(again.ask, map(question, range(3)))] == [r.value for r in rulings] == [False] * 3
    assert judge.asked == []
    again.close()
    entry = again.provenance()[0]
    assert (entry["judge"], entry["calls"], entry["cached"], entry["models"]) == ("scripted", 0, 3, ["m-1"])
    assert (entry["seed"], entry["temperature"], entry["prompt_source"]) == (0, 0.0, "ours")


def test_rulings_of_another_judge_and_of_another_prompt_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    CachedJudge(Scripted(), path).ask(question())
    other = Scripted()
    other.name = "other"
    CachedJudge(other, path).ask(question())
    CachedJudge(other, path).ask(question(user="Another text about $candidate"))
    assert other.asked == ["item-0", "item-0"]


def test_an_ungraded_question_is_written_down_and_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    judge = Scripted(None, why="it was down")
    cached = CachedJudge(judge, path)
    assert [cached.ask(question()).cached, cached.ask(question()).cached] == [False, False]
    assert [row["why"] for _, row in read_lines(path).rows] == ["it was down"] * 2
    judge.value = True
    assert CachedJudge(judge, path).ask(question()).value is True
    assert CachedJudge(judge, path).ask(question()).cached is True


def test_of_several_complete_rulings_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    for value in (True, False):
        (tmp_path / "one.jsonl").unlink(missing_ok=True)
        CachedJudge(Scripted(value), tmp_path / "one.jsonl").ask(question())
        with path.open("ab") as file:
            file.write((tmp_path / "one.jsonl").read_bytes())
    assert CachedJudge(Scripted(), path).ask(question()).value is False


@pytest.mark.parametrize("value", [(1, 2), {1: "a"}, {"s": {3}}])
def test_a_value_that_json_does_not_keep_is_read_from_the_raw_reply_again(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "verdicts.jsonl"
    asked = question(parse=lambda reply: value if reply == "raw" else None)
    for _ in range(2):
        assert CachedJudge(Scripted(value, reply="raw"), path).ask(asked).value == value
    cached = CachedJudge(Scripted(reply="?"), path)
    assert (cached.ask(asked).value, cached.ask(asked).cached) == (value, True)
    recorded = RecordedJudge.of_file(path)
    assert recorded.ask(asked).value == value


def test_what_a_crash_cut_off_is_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    for n in range(2):
        CachedJudge(Scripted(), path).ask(question(n))
    path.write_bytes(path.read_bytes()[:-20])
    judge = Scripted()
    cached = CachedJudge(judge, path)
    assert [cached.ask(question(n)).cached for n in range(2)] == [True, False]
    assert cached.unreadable_lines == (2,)
    assert cached.provenance()[0]["unreadable_lines"] == [2]
    # The new line stands on its own behind the cut one.
    lines = read_lines(path)
    assert ([number for number, _ in lines.rows], lines.unreadable, lines.cut) == ([1, 3], [2], False)
    recorded = RecordedJudge.of_file(path)
    assert [recorded.ask(question(n)).value for n in range(2)] == [True, True]
    assert recorded.provenance()[0]["unreadable_lines"] == [2]


def test_a_file_with_nothing_but_one_cut_line_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(b'{"asked": "scri')
    cached = CachedJudge(Scripted(), path)
    assert cached.ask(question()).value is True
    assert CachedJudge(Scripted(), path).ask(question()).cached is True


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\n", b"[1]\n", b'{"kind": "k"}\n', b'{"value": 1}\n'])
def test_a_file_of_something_else_is_not_written_to(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(content)
    with pytest.raises(AppError, match="not a file of verdicts that this app wrote"):
        CachedJudge(Scripted(), path)
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_read_or_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        CachedJudge(Scripted(), tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    cached = CachedJudge(Scripted(), tmp_path / "folder" / "verdicts.jsonl")
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(AppError, match="cannot be written"):
        cached.ask(question())


def test_a_full_disk_is_an_error_and_loses_no_ruling(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    judge = Scripted(reply="yes")
    cached = CachedJudge(judge, path)
    cached.ask(question(0))
    size = path.stat().st_size
    with full_disk(size + 30):
        for n in (1, 2):
            with pytest.raises(AppError, match="cannot be written") as error:
                cached.ask(question(n))
            assert "Verdicts given before are in the file" in error.value.why
        # What was paid for is still known.
        assert cached.ask(question(1)).cached is True
    cached.ask(question(3))
    cached.close()
    assert judge.asked == [f"item-{n}" for n in range(4)]
    again = CachedJudge(Scripted(), path)
    assert all(again.ask(question(n)).cached for n in range(4))
    assert len(again.unreadable_lines) >= 1


def test_lines_that_still_fit_on_a_full_disk_are_written_once(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    cached = CachedJudge(Scripted(), path)
    cached.ask(question(0))
    size = path.stat().st_size
    with full_disk(size):
        for n in (1, 2):
            with pytest.raises(AppError):
                cached.ask(question(n))
    with full_disk(3 * size + 20), pytest.raises(AppError):
        cached.ask(question(3))
    cached.ask(question(4))
    assert [row["item"] for _, row in read_lines(path).rows] == [f"item-{n}" for n in range(5)]


def test_threads_that_ask_the_same_pay_once(tmp_path: Path) -> None:
    class Slow(Scripted):
        """Rules when both threads have come as far as they can."""

        begun = threading.Event()

        def ask(self, question: Question) -> Ruling:
            self.begun.wait(30)
            return super().ask(question)

    judge = Slow()
    cached = CachedJudge(judge, tmp_path / "verdicts.jsonl")
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(cached.ask, question(n % 2)) for n in range(8)]
        judge.begun.set()
        assert [one.result().value for one in waiting] == [True] * 8
    assert sorted(judge.asked) == ["item-0", "item-1"]
    assert len(read_lines(tmp_path / "verdicts.jsonl").rows) == 2


_WRITER = """
import sys
from pathlib import Path
from tests.bench.judge_server import Scripted, question
from tmlapp.bench.judges.cache import CachedJudge
first = int(sys.argv[2])
cached = CachedJudge(Scripted(reply="x" * 3000), Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for n in range(first, first + 80):
    cached.ask(question(n))
"""


@pytest.mark.crash
def test_two_processes_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    root = Path(__file__).parents[2]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(first)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for first in (0, 1000)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        writer.communicate(b"go\n")
        assert writer.returncode == 0
    lines = read_lines(path)
    assert (len(lines.rows), lines.unreadable) == (160, [])
    again = CachedJudge(Scripted(), path)
    assert all(again.ask(question(n)).cached for n in [*range(80), *range(1000, 1080)])


@pytest.mark.crash
def test_a_killed_process_leaves_every_ruling_it_gave(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    code = _WRITER.replace("cached.ask(question(n))", "cached.ask(question(n)); print(n, flush=True)")
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(path), "0"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.stdin.write(b"go\n")
    writer.stdin.flush()
    for _ in range(20):
        given = int(writer.stdout.readline())
    writer.kill()
    writer.communicate()
    judge = Scripted()
    again = CachedJudge(judge, path)
    assert all(again.ask(question(n)).cached for n in range(given + 1))


def test_a_row_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    CachedJudge(Scripted(reply="ü\n\ud800"), path).ask(question())
    row = json.loads(path.read_text(encoding="ascii"))
    assert (row["kind"], row["item"], row["key"], row["asked"]) == ("t/correct", "item-0", "main", "scripted")
    assert row["replies"] == ["ü\n\ud800"]
    assert row["digest"] == question().digest()
