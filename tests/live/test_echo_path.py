"""When a canceller stands between microphone and endpoint, what muted means then, and that files stay as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.capture.sound_made import noise, write_wav
from tmlapp.capture.echo import EchoCanceller
from tmlapp.capture.playtap import PlayTap
from tmlapp.config.settings import Settings
from tmlapp.core.feed import Captured
from tmlapp.core.units import NS_PER_MS, TURN_NS, TURN_SAMPLES
from tmlapp.live.echo_path import Ears, EchoPath
from tmlapp.live.plan import SessionPlan, build_session, echo_mode
from tmlapp.recording.reader import PROCESSED, Recording

pytestmark = pytest.mark.unit


def plan(folder: Path, **changes: object) -> SessionPlan:
    return SessionPlan(folder=folder, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "setting", "mode"),
    [
        ({}, "on", "on"),
        ({}, "off", "off"),
        ({}, "headphones", "headphones"),
        ({"loudspeaker": "none"}, "on", "none"),
        ({"microphone": "none"}, "on", "none"),
        ({"source": "talk.wav"}, "on", "none"),
        ({"source": "recording:talk.mcap"}, "headphones", "none"),
    ],
)
def test_a_canceller_is_there_only_where_a_loudspeaker_can_be_heard(
    tmp_path: Path, changes: dict[str, str], setting: str, mode: str
) -> None:
    assert echo_mode(plan(tmp_path, **changes), Settings(echo=setting)) == mode  # type: ignore[arg-type]


def test_a_session_from_a_file_hears_the_file_and_nothing_else(tmp_path: Path) -> None:
    source = noise(2.0, 16_000)
    wav = write_wav(tmp_path / "talk.wav", source, 16_000)
    (tmp_path / "script.json").write_text("[]")
    wanted = plan(tmp_path / "out", source=str(wav), clock="fast", endpoint=f"scripted:{tmp_path}/script.json")
    session = build_session(wanted, Settings(echo="on"))
    session.start()
    assert session.wait(60)
    assert session.recording_path is not None
    recording = Recording.open(session.recording_path)
    assert PROCESSED not in recording.topics
    assert recording.info["options"]["echo"] == {"mode": "none"}
    assert np.array_equal(recording.audio("/mic")[0], source)
    assert all("processed_crc32" not in record for record in recording.turn_records())
    snapshot = session.snapshot()
    assert (snapshot.echo, snapshot.echo_loss_db, snapshot.echo_delay_ms) == ("none", None, None)


def captured(index: int) -> Captured:
    pcm = noise(0.2, 16_000, seed=index)
    at_ns = index * TURN_NS
    return Captured(index, pcm, (), mono_ns=at_ns, ready_ns=at_ns + TURN_NS + 5 * NS_PER_MS)


def test_without_a_canceller_the_sound_is_the_very_same() -> None:
    one = captured(0)
    pcm, raw = Ears().hear(one, muted=False)
    assert pcm is one.pcm
    assert raw is None
    silent, raw = Ears().hear(one, muted=True)
    assert not silent.any()
    assert raw is None


def test_the_canceller_is_told_when_the_reference_stands_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    taps: list[PlayTap] = []
    path, told = EchoPath(lambda: taps[-1] if taps else None), []
    now = -1
    monkeypatch.setattr(EchoCanceller, "moved", lambda _: told.append(now))
    for now in range(8):
        if now in (2, 5):
            taps.append(PlayTap(48_000))
        for tap in taps[-1:]:
            tap.write(np.zeros(9_600, np.int16), (now + 1) * TURN_NS)
        path.process(captured(now))
    assert told == [2, 5]


def test_muted_means_silence_on_both_tracks_and_the_room_is_not_forgotten() -> None:
    tap = PlayTap(48_000)
    muted, open_ = Ears(), Ears()
    muted.path, open_.path = EchoPath(lambda: tap), EchoPath(lambda: tap)
    for index in range(6):
        one = captured(index)
        quiet = 2 <= index < 4
        pcm, raw = muted.hear(one, muted=quiet)
        expected, _ = open_.hear(one, muted=False)
        assert raw is not None
        if quiet:
            assert not pcm.any()
            assert not raw.any()
        else:
            assert raw is one.pcm
            assert np.array_equal(pcm, expected), "as if it had never been muted"
        assert len(pcm) == TURN_SAMPLES
