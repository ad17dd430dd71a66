"""Files and paths as people really have them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import cv2
import numpy as np
import pytest

from tests.attack.parts import error_of, here, script, tmlapp, whole
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.device


@pytest.fixture
def said(tmp_path: Path) -> str:
    return script(tmp_path / "script.json", "one")


def run(source: object, said: str, out: Path, start: Callable[..., CompletedProcess[bytes]] = here) -> dict[str, Any]:
    """The answer of a session on the first second of `source`; its recording is whole."""
    done = start(
        *("run", f"--source={source}", "--clock", "fast", "--seconds", 1),
        *("--endpoint", said, "--out", out, "--json"),
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    whole(out)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def film(path: Path, codec: str, layout: str, *, size: tuple[int, int] = (64, 48)) -> Path:
    """One second of grey at 10 frames a second with a 440 Hz tone on every channel of `layout`."""
    av = pytest.importorskip("av", reason="the extra media is not installed")
    tone = (8000 * np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000)).astype(np.int16)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
        sound = container.add_stream(codec, rate=48_000, layout=layout)
        channels = av.AudioLayout(layout).nb_channels
        for k in range(10):
            grey = np.full((size[1], size[0], 3), 20 * k, np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(picture.encode(None))
        whole_tone = av.AudioFrame.from_ndarray(np.repeat(tone, channels)[None], format="s16", layout=layout)
        whole_tone.sample_rate, whole_tone.time_base, whole_tone.pts = 48_000, Fraction(1, 48_000), 0
        cut = av.AudioResampler(format=sound.format, layout=layout, rate=48_000, frame_size=1024)
        for frame in [*cut.resample(whole_tone), *cut.resample(None)]:
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(("name", "codec"), [("eight.mp4", "aac"), ("eight.mov", "pcm_s16le"), ("eight.mkv", "flac")])
def test_a_film_with_eight_channels_of_sound_is_heard(tmp_path: Path, said: str, name: str, codec: str) -> None:
    answer = run(film(tmp_path / name, codec, "7.1"), said, tmp_path / "out", tmlapp)
    pcm, _ = Recording.open(Path(answer["recording"])).audio("/mic")
    assert 4_000 < np.abs(pcm[4_000:12_000].astype(int)).max() < 9_000


def test_a_4k_film_is_scaled_down_and_plays(tmp_path: Path, said: str) -> None:
    answer = run(f"{film(tmp_path / '4k.mp4', 'aac', 'stereo', size=(3840, 2160))}", said, tmp_path / "out")
    frames = list(Recording.open(Path(answer["recording"])).frames())
    assert {(f.width, f.height) for f in frames} == {(1920, 1080)}
    assert len(frames) == 10


@pytest.mark.parametrize(
    "name", ["-lead.png", "a b, c,ü 日本 😀.png", "[red]x[b].png", "new\nline.png", "n" * 245 + ".png"]
)
def test_any_name_that_a_file_can_have_is_a_source_and_names_its_recording(
    tmp_path: Path, said: str, name: str
) -> None:
    cv2.imwrite(str(tmp_path / "plain.png"), np.full((48, 64, 3), 90, np.uint8))
    shutil.move(tmp_path / "plain.png", tmp_path / name)
    answer = run(tmp_path / name, said, tmp_path / "out")
    stem = Path(answer["recording"]).stem
    assert stem == name.removesuffix(".png").replace("\n", "_")[:200]


def test_a_name_longer_than_any_file_can_have_is_a_file_that_is_not_there(tmp_path: Path) -> None:
    error = error_of(here("run", "--source", "x" * 5000, "--clock", "fast", "--out", tmp_path, "--json"))
    assert "There is no file" in error["what"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("verb", ["show", "verify", "recover", "replay", "export"])
def test_a_pipe_is_no_recording_and_nobody_waits_for_it(tmp_path: Path, verb: str) -> None:
    os.mkfifo(tmp_path / "pipe.mcap")
    assert "pipe" in error_of(here(verb, tmp_path / "pipe.mcap", "--json"))["why"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_script_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    endpoint = f"scripted:{tmp_path / 'pipe.json'}"
    error_of(here("run", "--source", "synthetic:clap", "--endpoint", endpoint, "--out", tmp_path, "--json"))


@pytest.mark.parametrize(
    "option",
    ["--tail=inf", "--tail=nan", "--tail=-1", "--pad-before=1e300", "--pad-after=-inf", "--seconds=inf", "--seconds=0",
     "--seconds=nan", "--seed=-1"],
)  # fmt: skip
def test_numbers_that_are_no_lengths_are_refused_before_anything_starts(tmp_path: Path, option: str) -> None:
    done = here("run", "--source", "synthetic:clap", "--clock", "fast", "--out", tmp_path / "out", option)
    assert done.returncode == 2
    assert option.split("=")[0].encode() in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
