"""Where each block of the microphone belongs: is anything missing before it?"""

from __future__ import annotations

from tmlapp.capture.clockfit import ClockFit
from tmlapp.capture.ring import BlockRing
from tmlapp.core.units import NS_PER_MS, NS_PER_S

LATE_NS = 100 * NS_PER_MS
"""A block later than this hints at a loss that PortAudio did not report."""

FLAGGED_NS = 10 * NS_PER_MS
"""The same where PortAudio did report one."""

DECIDE_NS = 300 * NS_PER_MS
"""So long the newest blocks are watched for a backlog that is still being delivered."""

_CATCHING_UP_NS = 50 * NS_PER_MS
_PATIENCE_NS = 2_000 * NS_PER_MS


def hole_before(ring: BlockRing, block: int, end_ns: int, rate_hz: int, fit: ClockFit) -> int | None:
    """Nanoseconds that are missing before block number `block`, which would end at session time `end_ns`.

    After a stall the sound server may deliver everything late: then the blocks after it come faster than real time
    until they are punctual again, and nothing is missing. What stays late has lost its past. None: not decided yet,
    ask again when more blocks are there.
    """
    meta = ring.meta(block)
    late = fit.late_ns(end_ns, meta.callback_ns)
    limit = FLAGGED_NS if meta.overflow else LATE_NS
    if late <= limit:
        return 0
    seen = [(meta.callback_ns, late)]
    for later in range(block + 1, ring.blocks_written):
        following = ring.meta(later)
        end_ns += following.frames * NS_PER_S // rate_hz
        late = fit.late_ns(end_ns, following.callback_ns)
        if late <= limit or following.overflow or following.missing or following.resumed:
            # Either caught up, or the loss is at that later block.
            return 0
        seen.append((following.callback_ns, late))
    newest_ns = seen[-1][0]
    if newest_ns - meta.callback_ns < DECIDE_NS:
        return None
    recent = [late for callback_ns, late in seen if callback_ns > newest_ns - DECIDE_NS]
    if recent[0] - recent[-1] > _CATCHING_UP_NS and newest_ns - meta.callback_ns < _PATIENCE_NS:
        return None
    return min(recent)
