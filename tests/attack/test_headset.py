"""A headset on the air: it is there again long before it gives sound."""

from __future__ import annotations

import numpy as np
import pytest

from tests.capture.test_sound_feed import BLOCK, MS, START_NS, Desk
from tmlapp.core.event import Gap, Notice

pytestmark = pytest.mark.unit


def test_a_headset_that_takes_three_seconds_to_wake_comes_back_and_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(monkeypatch).open()
    desk.blocks(53)
    desk.tick(2400)
    assert len(desk.card.streams) == 2, "lost, and opened again"
    desk.tick(3000)
    assert len(desk.card.streams) == 2, "given time to wake up"
    now_ms = (desk.clock.now_ns() - START_NS) // MS
    assert len(desk.turns) == now_ms // 200, "silence kept the cadence"
    sent = desk.card.sent
    desk.blocks(50)
    assert [n.level for n in desk.of(Notice)] == ["error", "info"]
    assert {gap.kind for gap in desk.of(Gap)} == {"unplugged"}
    begin = now_ms * 16
    heard = desk.pcm[begin : len(desk.turns) * 3200]
    assert len(heard) > 5 * BLOCK
    assert np.array_equal(heard, desk.card.sound[sent : sent + len(heard)])
    assert not desk.pcm[53 * BLOCK : begin].any()
