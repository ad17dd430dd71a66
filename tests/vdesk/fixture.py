"""The pytest fixture `virtual_desk`: one virtual sound card for the whole test session."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vdesk.desk import VirtualDesk, missing_tools


def _reread_devices() -> None:
    # PortAudio reads the ALSA configuration once, at its initialisation, which importing sounddevice does.
    sounddevice = sys.modules.get("sounddevice")
    if sounddevice is not None:
        sounddevice._terminate()
        sounddevice._initialize()


@pytest.fixture(scope="session")
def virtual_desk() -> Iterator[VirtualDesk]:
    """A running virtual sound card, also for this process: PortAudio lists `vd_mic`, `vd_eight`, `vd_speaker`."""
    if missing := missing_tools():
        pytest.skip(f"the virtual sound card needs {', '.join(missing)} (apt-get install pulseaudio pulseaudio-utils)")
    folder = Path(tempfile.mkdtemp(prefix="vdesk-"))
    desk = VirtualDesk(folder)
    before = {name: os.environ.get(name) for name in desk.settings}
    try:
        desk.start()
        os.environ.update(desk.settings)
        _reread_devices()
        yield desk
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        desk.stop()
        shutil.rmtree(folder)
        _reread_devices()
