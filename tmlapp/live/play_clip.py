"""One clip through a loudspeaker, from beginning to end."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tmlapp.capture.speaker import Speaker
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.media import AudioClip

_LOOK_NS = 50_000_000
_MARGIN_NS = 2_000_000_000


def play_clip(
    clip: AudioClip,
    loudspeaker: str,
    *,
    clock: Clock | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> bool:
    """Play `clip`; returns when it was heard (True), or when it was `cancelled` or the loudspeaker did not play it.

    Raises:
        AppError: no such loudspeaker, or it cannot be opened.
    """
    clock = clock or MonotonicClock()
    speaker = Speaker(loudspeaker, clock=clock)
    speaker.open()
    try:
        speaker.play("clip", clip.pcm, clip.rate_hz)
        give_up_ns = clock.now_ns() + clip.duration_ns + _MARGIN_NS
        never = threading.Event()
        while clock.now_ns() < give_up_ns and not cancelled():
            speaker.poll()
            if not speaker.busy:
                return True
            clock.wait(never, clock.now_ns() + _LOOK_NS)
        return False
    finally:
        speaker.close()
