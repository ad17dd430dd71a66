"""A session whose loudspeaker is in its microphone: the model does not hear itself, and both tracks are recorded."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.capture.sound_made import write_wav
from tests.vdesk.desk import VirtualDesk
from tests.vdesk.fixture import virtual_desk
from tmlapp.config.settings import Settings
from tmlapp.core.event import Health
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S
from tmlapp.live.observer import BlankObserver
from tmlapp.live.plan import SessionPlan, build_session
from tmlapp.live.session import LiveSession
from tmlapp.recording.reader import PROCESSED, Recording

__all__ = ["virtual_desk"]

pytestmark = pytest.mark.device

PHRASES = Path("models/tiny/phrases")
TURNS = 28


class Ending(BlankObserver):
    """Ends the session after `TURNS` micro-turns."""

    session: LiveSession

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        if turn.index + 1 == TURNS:
            self.session.stop("enough was heard")


@pytest.fixture
def loop(virtual_desk: VirtualDesk) -> Iterator[VirtualDesk]:
    """What the loudspeaker plays comes back through the microphone."""
    module = virtual_desk.pactl(
        "load-module", "module-loopback", "source=speaker.monitor", "sink=mic_in", "latency_msec=60"
    )
    yield virtual_desk
    virtual_desk.pactl("unload-module", module)


def voice() -> Pcm:
    """The model's own voice: its words from eleven to nineteen, one after the other."""
    names = ("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
    found = []
    for name in names:
        with wave.open(str(PHRASES / f"{name}.wav"), "rb") as file:
            assert file.getframerate() == 24_000
            found.append(np.frombuffer(file.readframes(-1), "<i2"))
    return np.concatenate(found)


def test_the_model_does_not_hear_its_own_voice(loop: VirtualDesk, tmp_path: Path) -> None:
    write_wav(tmp_path / "voice.wav", voice(), 24_000)
    (tmp_path / "script.json").write_text(json.dumps([{"t_s": 0.2, "text": "counting", "wav": "voice.wav"}]))
    plan = SessionPlan(
        microphone="vd_mic", loudspeaker="vd_speaker", camera="none", endpoint=f"scripted:{tmp_path}/script.json",
        folder=tmp_path / "recordings", name="echo",
    )  # fmt: skip
    session = build_session(plan, Settings(echo="on"))
    ending = Ending()
    ending.session = session
    session.add_observer(ending)
    session.start()
    assert session.wait(60)
    assert session.error is None
    path = session.recording_path
    assert path is not None
    recording = Recording.open(path)
    assert recording.info["options"]["echo"]["mode"] == "on"
    assert recording.info["options"]["echo"]["library"].startswith("pywebrtc-audio ")
    assert recording.topics[PROCESSED] == recording.n_turns
    raw, clean = (recording.audio(topic, 2 * NS_PER_S)[0].astype(float) for topic in ("/mic", PROCESSED))
    assert np.sqrt(np.mean(raw**2)) > 300, "the microphone hears the loudspeaker"
    loss_db = 10 * np.log10(np.sum(raw**2) / max(1.0, np.sum(clean**2)))
    assert loss_db > 20
    told = [h.echo_loss_db for h in recording.events((Health,)) if isinstance(h, Health) and h.echo_loss_db is not None]
    assert told
    assert max(told) > 15
    snapshot = session.snapshot()
    assert snapshot.echo == "on"
    assert snapshot.echo_delay_ms is not None
    assert 0 < snapshot.echo_delay_ms < 500
