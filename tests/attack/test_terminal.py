"""Terminals that close, fill up, speak ASCII, and people who press Ctrl-C too early."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attack.parts import CLAP, COMMAND, ROOT, error_of, script, tmlapp, whole

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals and /dev/full"),
]


def test_a_terminal_that_goes_away_ends_no_session(tmp_path: Path) -> None:
    said = script(tmp_path / "script.json", "one", "two", "three")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = tmlapp(*(*CLAP, "--seconds", 2, "--endpoint", said, "--out", tmp_path / "out", "--json"), stderr=closed)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["duration_s"]) == (0, 2.0)
    assert [o["text"] for o in answer["outputs"]] == ["one", "two", "three"]
    whole(tmp_path / "out")


def test_a_reader_that_has_had_enough_is_no_error_to_speak_of() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = tmlapp("devices", "--json", stdout=closed)
    assert done.returncode == 1
    assert b"Fix:" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_an_answer_that_cannot_be_written_is_said_without_a_traceback(tmp_path: Path, as_json: tuple[str, ...]) -> None:
    said = script(tmp_path / "script.json", "one")
    with Path("/dev/full").open("wb") as full:
        done = tmlapp(*(*CLAP, "--seconds", 1, "--endpoint", said, "--out", tmp_path / "out", *as_json), stdout=full)
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr
    whole(tmp_path / "out")


def test_a_terminal_that_speaks_only_ascii_gets_json_and_three_sentences() -> None:
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    done = tmlapp("run", "--source", "synthetic:clap", "--endpoint", "smoke:ü 😀", "--json", env=env)
    assert "smoke" in error_of(done)["what"]
    done.stdout.decode("ascii")


def test_a_log_that_cannot_be_written_is_said_and_no_traceback_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = tmlapp("show", "no.mcap", "--json", env={"TMLAPP_LOG_DIR": str(tmp_path / "file" / "log")})
    assert "no.mcap" in error_of(done)["what"]
    assert b"No log is written" in done.stderr


def test_a_path_that_has_no_utf8_is_an_error_like_any_other() -> None:
    error_of(tmlapp("run", "--source", "/no/\udce4.mp4", "--clock", "fast", "--json"))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_session_is_closed_properly_when_its_terminal_or_the_machine_goes_down(
    tmp_path: Path, number: signal.Signals
) -> None:
    said = script(tmp_path / "script.json", "one")
    arguments = ["--endpoint", said, "--out", str(tmp_path / "out"), "--json", "--seconds", "60"]
    with subprocess.Popen(
        [*COMMAND, "run", "--source", "synthetic:clap", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stderr is not None
        while b"one" not in child.stderr.readline():
            pass
        child.send_signal(number)
        stdout, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert json.loads(stdout)["micro_turns"] >= 1
    whole(tmp_path / "out")


def test_ctrl_c_while_libraries_are_loaded_shows_no_traceback() -> None:
    # The handler is in place before anything heavy is imported; numpy being loaded proves that the loading is on.
    program = (
        "import os, runpy, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "runpy.run_module('tmlapp', run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGINT
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("library", "verb"), [("soundfile", "run --source synthetic:clap"), ("zstandard", "show a.mcap")]
)
def test_a_library_that_cannot_be_loaded_is_said_in_three_sentences(library: str, verb: str) -> None:
    program = (
        "import runpy, sys\n"
        f"sys.modules[{library!r}] = None\n"
        f"sys.argv = ['tmlapp', *{verb.split()!r}, '--json']\n"
        "runpy.run_module('tmlapp', run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert library in error_of(done)["why"]
