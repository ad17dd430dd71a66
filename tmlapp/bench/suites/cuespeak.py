"""CueSpeak: speak when the cue comes, over the user. Rules: docs/grading.md."""

from __future__ import annotations

from typing import ClassVar

from tmlapp.bench.suite import suite
from tmlapp.bench.suites.speak_base import SpeakSuite


@suite("cuespeak")
class CueSpeak(SpeakSuite):
    """Macro accuracy in percent."""

    suite_name: ClassVar[str] = "cuespeak"
    title: ClassVar[str] = "CueSpeak"
