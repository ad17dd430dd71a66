"""From a plan to a finished recording, and what the preflight says about plans that cannot work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vdesk.fixture import virtual_desk  # noqa: F401 - a fixture
from tmlapp.config.settings import Settings
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, StateChanged
from tmlapp.live import preflight as preflight_module
from tmlapp.live.plan import SessionPlan, build_session, make_endpoint, make_feed, plan_from_settings
from tmlapp.live.preflight import Check, check_disk, devices_present, ready, run_preflight
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.device


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.json"
    path.write_text(json.dumps([{"t_s": 0.4, "text": "one"}, {"t_s": 1.0, "text": "two"}]))
    return f"scripted:{path}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(recordings_dir=tmp_path / "recordings", microphone="none", camera="none", loudspeaker="none")


def finished(plan: SessionPlan, settings: Settings) -> Recording:
    session = build_session(plan, settings)
    session.start()
    session.wait()
    assert session.error is None
    assert session.recording_path is not None
    return Recording.open(session.recording_path)


def test_a_plan_from_a_source_becomes_a_recording_that_says_what_was_planned(script: str, settings: Settings) -> None:
    plan = plan_from_settings(
        settings,
        source="synthetic:tone",
        clock="fast",
        endpoint=script,
        name="tone",
        pad_before_s=1.0,
        instruction="hum",
    )
    recording = finished(plan, settings)
    assert recording.path.parent == settings.recordings_dir
    assert recording.info["options"]["pad_before_s"] == 1.0
    assert recording.info["instruction"] == "hum"
    assert recording.info["endpoint"] == script
    assert recording.info["versions"]["tmlapp"]
    assert [c.text for c in recording.cues()] == ["one", "two"]


def test_a_recording_is_a_source_and_an_endpoint(script: str, settings: Settings) -> None:
    first = finished(plan_from_settings(settings, source="synthetic:tone", clock="fast", endpoint=script), settings)
    again = finished(
        plan_from_settings(
            settings, source=f"recording:{first.path}", clock="fast", endpoint=f"recorded:{first.path}", name="again"
        ),
        settings,
    )
    assert again.n_turns == first.n_turns
    assert all((a.pcm == b.pcm).all() for a, b in zip(first.turns(), again.turns(), strict=True))
    assert [(c.t_ns, c.text) for c in again.cues()] == [(c.t_ns, c.text) for c in first.cues()]


def test_devices_cannot_run_on_virtual_time(settings: Settings) -> None:
    with pytest.raises(AppError, match="virtual time"):
        build_session(plan_from_settings(settings, clock="fast"), settings)


def test_a_folder_that_cannot_be_made_is_said_before_anything_runs(script: str, settings: Settings) -> None:
    settings.recordings_dir.parent.mkdir(exist_ok=True)
    settings.recordings_dir.write_text("a file")
    plan = plan_from_settings(settings, source="synthetic:tone", clock="fast", endpoint=script)
    with pytest.raises(AppError, match="cannot be made"):
        build_session(plan, settings).start()
    assert not check_disk(plan).ok


def test_a_session_without_any_device_still_keeps_its_cadence(script: str, settings: Settings) -> None:
    session = build_session(plan_from_settings(settings, endpoint=script), settings)
    session.start()
    while session.snapshot().overlay.count != 2:
        assert session.error is None
        assert not session.wait(0.02)
    session.stop()
    session.wait()
    assert session.recording_path is not None
    recording = Recording.open(session.recording_path)
    assert recording.n_turns >= 5
    assert {g.kind for g in recording.events((Gap,)) if isinstance(g, Gap)} == {"absent"}
    states = [e.state for e in recording.events((StateChanged,)) if isinstance(e, StateChanged)]
    assert states[-1] == "closed"


@pytest.mark.usefixtures("virtual_desk")
def test_a_session_on_the_virtual_sound_card_is_heard_through_its_loudspeaker(settings: Settings) -> None:
    plan = plan_from_settings(
        settings,
        microphone="vd_mic",
        loudspeaker="vd_speaker",
        endpoint="onnx:tiny",
        instruction="Say now every 1 second.",
    )
    checks = {c.key: c for c in run_preflight(plan, settings)}
    assert ready(list(checks.values())), [c for c in checks.values() if not c.ok]
    assert "vd_mic" in checks["microphone"].detail
    assert devices_present()[0]
    session = build_session(plan, settings)
    session.start()
    while session.snapshot().t_ns < 3_000_000_000:
        assert not session.wait(0.05)
    session.stop()
    session.wait()
    assert session.error is None
    assert session.recording_path is not None
    recording = Recording.open(session.recording_path)
    said = [c.t_ns for c in recording.cues()]
    assert len(said) >= 2
    received, _ = recording.audio("/model/audio")
    heard, _ = recording.audio("/model/heard")
    assert received.any()
    assert heard.any()


def test_the_preflight_names_what_is_missing_and_what_helps(settings: Settings, tmp_path: Path) -> None:
    plan = plan_from_settings(
        settings,
        microphone="no such microphone",
        camera="camera:97",
        loudspeaker="no such speaker",
        endpoint="onnx:nowhere",
    )
    checks = {c.key: c for c in run_preflight(plan, settings)}
    assert not ready(list(checks.values()))
    for key in ("microphone", "camera", "loudspeaker", "endpoint"):
        assert not checks[key].ok
        assert checks[key].why
        assert checks[key].fix
        assert checks[key].action
    assert checks["disk"].ok


def test_the_preflight_of_a_source_says_whether_it_is_there(settings: Settings, script: str) -> None:
    good = plan_from_settings(settings, source="synthetic:clap", endpoint=script)
    assert {c.key: c.ok for c in run_preflight(good, settings)} == {
        "source": True, "loudspeaker": True, "endpoint": True, "disk": True,
    }  # fmt: skip
    bad = plan_from_settings(settings, source="missing.mp4", endpoint=script)
    first = run_preflight(bad, settings)[0]
    assert (first.key, first.ok, first.action) == ("source", False, "use_clip")


def test_unfinished_recordings_are_offered_for_recovery(settings: Settings, script: str) -> None:
    settings.recordings_dir.mkdir(parents=True)
    for name in ("a", "b", "c", "d"):
        (settings.recordings_dir / f"{name}.mcap.part").write_bytes(b"x")
    plan = plan_from_settings(settings, endpoint=script)
    leftovers = run_preflight(plan, settings)[-1]
    assert (leftovers.key, leftovers.required, leftovers.action) == ("leftovers", False, "recover")
    assert "…" in leftovers.why
    assert ready([leftovers])


def test_a_nearly_full_disk_holds_up_the_start(
    settings: Settings, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight_module, "MINIMUM_FREE_BYTES", 10**18)
    check = check_disk(plan_from_settings(settings, endpoint=script))
    assert not check.ok
    assert "GB are free" in check.why


def test_nothing_required_missing_is_ready() -> None:
    assert ready([Check(key="x", title="X", ok=False, required=False), Check(key="y", title="Y", ok=True)])


def test_a_recording_without_a_conversation_cannot_answer(
    settings: Settings, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = finished(plan_from_settings(settings, source="synthetic:tone", clock="fast", endpoint=script), settings)
    monkeypatch.setattr(Recording, "granted", None)
    with pytest.raises(AppError, match="cannot answer"):
        make_endpoint(f"recorded:{recording.path}", settings)


def test_no_devices_asked_for_means_none_opened(settings: Settings) -> None:
    feed = make_feed(plan_from_settings(settings), settings, MonotonicClock())
    assert not feed.finished
