"""Every verb on a real session: what a person or a script at the terminal gets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.endpoints.minimodel import mini_graph, write_model
from tmlapp.cli.doctor import _voice
from tmlapp.cli.main import app
from tmlapp.cli.recover import told
from tmlapp.cli.show import health_lines, latency_lines
from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.recording.recover import RecoveryReport

pytestmark = pytest.mark.device

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-m", "tmlapp", "run", "--source"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def answer(result: Result) -> Any:
    """The JSON object on standard output: nothing else may stand there."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "script.json"
    said = [(0.6, "start"), (1.2, "one"), (2.4, "two"), (3.0, "stop")]
    path.write_text(json.dumps([{"t_s": t, "text": text} for t, text in said]))
    return path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, script: Path, demo_clip: Path) -> dict[str, Any]:
    """One run of the first four seconds of the bundled clip, as its JSON says it."""
    out = tmp_path_factory.mktemp("räume mit leerzeichen")
    return answer(
        invoke(
            *("run", "--source", f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}", "--clock", "fast"),
            *("--endpoint", f"scripted:{script}", "--seconds", 4, "--out", out, "--json"),
        )
    )


def test_run_prints_one_object_with_what_was_said_and_when(session: dict[str, Any]) -> None:
    assert list(session) == ["recording", "duration_s", "micro_turns", "outputs", "latency", "health"]
    assert [(o["t_s"], o["text"], o["kind"]) for o in session["outputs"]] == [
        (0.6, "start", "start"),
        (1.2, "one", "count"),
        (2.4, "two", "count"),
        (3.0, "stop", "stop"),
    ]
    assert (session["duration_s"], session["micro_turns"]) == (4.0, 20)
    assert Path(session["recording"]).is_file()


def test_show_prints_the_same_object_from_the_recording(session: dict[str, Any]) -> None:
    assert answer(invoke("show", session["recording"], "--json")) == session
    shown = invoke("show", session["recording"])
    assert "one" in shown.stdout
    assert "20 micro-turns" in shown.stdout
    assert "endpoint: scripted:" in shown.stdout
    assert "interrupted" not in shown.stdout
    assert "micro-turn late: p50 " in shown.stdout
    assert "health: " in shown.stdout
    assert "{" not in shown.stdout


def test_show_says_latency_and_health_in_words() -> None:
    spread = {"p50": 12.4, "p99": 40.6, "max": 300.2}
    latency = {"reply_ms": spread, "turn_late_ms": None, "compute_ms": None}
    assert list(latency_lines({**latency, "realtime_factor": 0.99, "over_budget_share": 0.125})) == [
        ("reply", "p50 12 ms, p99 41 ms, at most 300 ms"),
        ("speed", "0.99 times real time"),
        ("over budget", "12.5% of the steps took longer than a micro-turn"),
    ]
    plain = {"dropped_samples": 0, "dropped_frames": 0, "xruns": 0, "drift_ppm": None, "not_sent": 0, "reconnects": 0}
    assert list(health_lines({**plain, "gaps": [], "errors": []})) == [("health", "nothing was lost")]
    gap = {"t_s": 1.0, "track": "mic", "kind": "", "dur_s": 0.25, "reason": "unplugged"}
    error = {"t_s": 2.0, "what": "It broke.", "code": "1006"}
    assert list(health_lines({**plain, "not_sent": 3, "drift_ppm": 1.04, "gaps": [gap], "errors": [error]})) == [
        ("gap", "1.0 s, mic 0.25 s: unplugged"),
        ("error", "2.0 s, It broke. [1006]"),
        ("health", "3 micro-turns not sent, clock drift 1.0 ppm"),
    ]


def test_a_replay_into_the_same_endpoint_says_the_same(session: dict[str, Any], script: Path) -> None:
    again = answer(invoke("replay", session["recording"], "--endpoint", f"scripted:{script}", "--json"))
    assert again["outputs"] == session["outputs"]
    assert again["recording"] != session["recording"]
    recorded = answer(
        invoke("replay", session["recording"], "--endpoint", f"recorded:{session['recording']}", "--json")
    )
    assert recorded["outputs"] == session["outputs"]


def test_a_grade_names_its_formula_and_is_kept_beside_the_recording(session: dict[str, Any], tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    truth.write_text(
        json.dumps(
            {"suite": "repcount-a", "count": 2, "rep_end_times_s": [1.2, 2.4], "duration_s": 4.0, "video_start_s": 0}
        )
    )
    arguments = ("grade", session["recording"], "--suite", "repcount-a", "--truth", truth)
    grade = answer(invoke(*arguments, "--json"))
    assert grade["score"] == 100.0
    assert grade["provenance"]["formula"].startswith("repcount-a/")
    assert answer(invoke(*arguments, "--json"))["score"] == 100.0
    assert "baseline" in invoke(*arguments).stdout
    sidecar = Path(session["recording"]).with_suffix(".grades.jsonl")
    assert len(sidecar.read_text().splitlines()) == 3
    borders = tmp_path / "borders.json"
    borders.write_text(json.dumps({"suite": "charades", "start_s": 0.6, "stop_s": 3.0, "length_s": 4.0}))
    graded = answer(invoke("grade", session["recording"], "--suite", "charades", "--truth", borders, "--json"))
    assert graded["score"] == pytest.approx(100.0)


def test_verify_tells_a_whole_recording_from_a_damaged_one(session: dict[str, Any], tmp_path: Path) -> None:
    assert answer(invoke("verify", session["recording"], "--json"))[0]["ok"] is True
    damaged = tmp_path / "damaged.mcap"
    data = bytearray(Path(session["recording"]).read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged.write_bytes(data)
    result = invoke("verify", session["recording"], damaged)
    assert result.exit_code == 1
    assert "whole" in result.stdout
    assert "DAMAGED" in result.stdout


def test_export_writes_files_for_other_tools(session: dict[str, Any], tmp_path: Path) -> None:
    files = answer(invoke("export", session["recording"], "--out", tmp_path / "export", "--json"))["files"]
    names = {Path(f).name for f in files}
    assert {"user.wav", "video.mp4", "cues.vtt"} <= names
    assert "user.wav" in invoke("export", session["recording"], "--out", tmp_path / "second").stdout
    assert invoke("export", session["recording"], "--to", "betamax").exit_code == 2


def test_recover_brings_back_what_a_killed_session_had_written(
    session: dict[str, Any], demo_clip: Path, tmp_path: Path
) -> None:
    child = subprocess.Popen(
        [
            *RUN,
            f"{demo_clip / 'squats.mp4'},none",
            "--out",
            str(tmp_path),
            "--name",
            "killed",
            "--endpoint",
            f"recorded:{session['recording']}",
        ],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "stop" in line:
            break
    os.kill(child.pid, signal.SIGKILL)
    child.stderr.close()
    child.wait()
    assert [p.name for p in tmp_path.iterdir()] == ["killed.mcap.part"]
    assert "Nothing to recover" in invoke("recover", tmp_path / "..").stdout
    report = answer(invoke("recover", tmp_path, "--json"))[0]
    shown = answer(invoke("show", report["path"], "--json"))
    assert [o["text"] for o in shown["outputs"]][:3] == ["start", "one", "two"]
    assert shown["micro_turns"] >= 11
    again = invoke("recover", tmp_path / "killed.mcap.part")
    assert again.exit_code == 0
    assert f"{shown['micro_turns']} micro-turns; it had been finished before" in again.stdout


def test_a_repair_is_told_in_words() -> None:
    whole = RecoveryReport(path=Path("a.mcap"), source=Path("a.mcap.part"), turns=7)
    assert told(whole) == "7 micro-turns; nothing was lost"
    holed = replace(whole, lost_turns=(2, 3), lost_frames=5, damage=((100, 150),), altered=((90, 200),))
    assert told(holed) == (
        "7 micro-turns; lost: 2 micro-turns without their sound, 5 frames; 50 bytes hold nothing readable; "
        "110 bytes lie in stretches that were changed"
    )


def test_an_interrupt_ends_a_session_with_everything_kept(script: Path, demo_clip: Path, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [
            *RUN,
            f"{demo_clip / 'squats.mp4'},none",
            "--out",
            str(tmp_path),
            "--name",
            "stopped",
            "--json",
            "--endpoint",
            f"scripted:{script}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "one" in line:
            break
    child.send_signal(signal.SIGINT)
    stdout, _ = child.communicate()
    assert child.returncode == 0
    assert [o["text"] for o in json.loads(stdout)["outputs"]][:2] == ["start", "one"]
    assert [p.name for p in tmp_path.iterdir()] == ["stopped.mcap"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--source", "no such file.mp4", "--clock", "fast"), "no such file.mp4"),
        (("run", "--clock", "fast"), "virtual time"),
        (("run", "--source", "synthetic:clap", "--endpoint", "onnx:nowhere", "--clock", "fast"), "nowhere"),
        (("run", "--source", "synthetic:clap", "--endpoint", "smoke:signals", "--clock", "fast"), "smoke"),
        (("show", "no.mcap"), "no.mcap"),
        (("verify", "no.mcap"), "no.mcap"),
        (("export", "no.mcap"), "no.mcap"),
        (("recover", "no.mcap.part"), "no.mcap.part"),
        (("replay", "no.mcap"), "no.mcap"),
        (("grade", "no.mcap", "--suite", "charades", "--truth", "no.json"), "no.mcap"),
    ],
)
def test_what_cannot_be_done_is_said_in_three_sentences(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    if arguments[0] == "run":
        arguments = (*arguments, "--out", str(tmp_path))
    result = invoke(*arguments, "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert words in error["what"] + error["why"]
    assert {"what", "why", "fix"} <= set(error)
    assert "Traceback" not in result.output
    assert "Fix:" in result.stderr


def test_an_unknown_clock_is_refused(tmp_path: Path) -> None:
    assert invoke("run", "--source", "synthetic:clap", "--clock", "slow", "--out", tmp_path).exit_code == 2


def test_devices_and_doctor_speak_json() -> None:
    assert {"microphones", "loudspeakers", "cameras"} <= set(answer(invoke("devices", "--json")))
    assert "icrophones" in invoke("devices").stdout
    findings = json.loads(invoke("doctor", "--json").stdout)["findings"]
    offset = next(f for f in findings if f["name"] == "offset")
    assert offset["figures"]["n"] >= 9
    assert abs(offset["figures"]["median_ms"]) <= offset["figures"]["frame_ms"]
    assert "offset" in invoke("doctor").stdout


def test_the_doctor_says_why_there_is_no_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise AppError("Sound cannot be used.", "PortAudio library not found.", "Install PortAudio.")

    monkeypatch.setattr("tmlapp.capture.devices.portaudio", nothing)
    findings = {f["name"]: f for f in json.loads(invoke("doctor", "--json").stdout)["findings"]}
    assert "PortAudio library not found" in findings["microphones"]["detail"]
    assert findings["loudspeakers"]["ok"] is None


@pytest.mark.parametrize(
    ("chosen", "programs", "ok", "says"),
    [
        ("auto", ("espeak-ng", "flite"), True, "found: espeak-ng, flite"),
        ("auto", (), None, "none found: only the model's recorded phrases can be heard"),
        ("none", ("flite",), None, "none is chosen: only the model's recorded phrases can be heard; found: flite"),
        ("flite", ("flite",), True, "flite is chosen; found: flite"),
        ("flite", ("espeak-ng",), False, "flite is chosen and is not there"),
    ],
)
def test_the_doctor_says_which_voices_there_are(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: str,
    programs: tuple[str, ...],
    ok: bool | None,
    says: str,
) -> None:
    for name in programs:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = _voice(Settings(voice=chosen))
    assert (found.ok, says in found.detail) == (ok, True)
    assert found.figures["chosen"] == chosen


def test_the_version_is_printed() -> None:
    assert invoke("--version").stdout.startswith("tmlapp ")


def test_a_session_that_fails_on_the_way_names_what_it_left(tmp_path: Path) -> None:
    write_model(tmp_path / "model", graph=mini_graph(fragile=True))
    pcm = np.zeros(48_000, np.int16)
    pcm[32_000] = 32_000
    with wave.open(str(tmp_path / "loud.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(pcm.tobytes())
    failed = invoke(
        *("run", "--source", tmp_path / "loud.wav", "--clock", "fast", "--endpoint", f"onnx:{tmp_path / 'model'}"),
        *("--instruction", "count the reps of squat", "--out", tmp_path / "out", "--json"),
    )
    assert failed.exit_code == 1
    error = json.loads(failed.stdout)["error"]
    assert "E_NONFINITE" in error["what"]
    assert answer(invoke("show", error["recording"], "--json"))["micro_turns"] == 11
    assert error["fix"].endswith(f"Recording: {error['recording']}")
