"""TimeSpeak: speak at the moments that the user named. Rules: docs/grading.md."""

from __future__ import annotations

from typing import ClassVar

from tmlapp.bench.suite import suite
from tmlapp.bench.suites.speak_base import SpeakSuite


@suite("timespeak")
class TimeSpeak(SpeakSuite):
    """Macro accuracy in percent."""

    suite_name: ClassVar[str] = "timespeak"
    title: ClassVar[str] = "TimeSpeak"
