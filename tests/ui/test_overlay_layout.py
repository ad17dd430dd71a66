"""No sign over the picture ever hides another, whatever the size and whatever is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.ui.overlay_layout import Box, Wanted, place, scale_for

pytestmark = pytest.mark.unit

WIDTHS = st.integers(320, 3840)
HEIGHTS = st.integers(180, 2160)


@st.composite
def wanted(draw: st.DrawFn, width: int, height: int) -> Wanted:
    """What a stage of that size can be asked for: text as wide as it likes, as high as one or two lines."""
    scale = scale_for(width, height)
    texts = st.floats(20, 3000)

    def sign(high: float) -> tuple[float, float] | None:
        return draw(st.one_of(st.none(), st.tuples(texts, st.just(high * scale))))

    giant = draw(st.booleans())
    badge = draw(st.one_of(st.none(), st.just(min(width, height) * 0.46 if giant else 132 * scale)))
    caption = sign(draw(st.sampled_from((42.0, 66.0))))
    toasts = draw(st.lists(st.tuples(texts, st.just(36 * scale)), max_size=3)) if not giant else []
    banner, speaking = (None, None) if giant else (sign(42.0), sign(34.0))
    if speaking is not None:
        speaking = (min(speaking[0], 140 * scale), speaking[1])
    heard = sign(36.0)
    return Wanted(badge, banner, caption, speaking, tuple(toasts), heard)


@given(data=st.data(), width=WIDTHS, height=HEIGHTS)
def test_signs_never_meet_and_never_leave_the_stage(data: st.DataObject, width: int, height: int) -> None:
    boxes = place(width, height, data.draw(wanted(width, height))).boxes()
    for i, one in enumerate(boxes):
        assert one.x >= 0
        assert one.y >= 0
        assert one.right <= width + 0.01
        assert one.bottom <= height + 0.01
        assert one.w > 0
        for other in boxes[i + 1 :]:
            assert not one.meets(other), f"{one} meets {other}"


@given(data=st.data(), width=WIDTHS, height=HEIGHTS)
def test_count_start_caption_and_speaking_are_always_there(data: st.DataObject, width: int, height: int) -> None:
    asked = data.draw(wanted(width, height))
    got = place(width, height, asked)
    assert (got.badge is None) == (asked.badge is None)
    assert (got.banner is None) == (asked.banner is None)
    assert (got.caption is None) == (asked.caption is None)
    assert (got.speaking is None) == (asked.speaking is None)


def test_when_room_is_short_the_oldest_reminder_gives_way() -> None:
    toasts = tuple((150.0, 90.0) for _ in range(3))
    got = place(400, 300, Wanted(banner=(100, 40), toasts=toasts))
    assert 0 < len(got.toasts) < 3
    assert got.toasts[-1].bottom > 280


def test_a_long_caption_lifts_the_others_above_it() -> None:
    got = place(880, 495, Wanted(caption=(860, 60), speaking=(120, 34), toasts=((200, 36),)))
    assert got.caption is not None
    assert got.speaking is not None
    assert got.speaking.bottom < got.caption.y
    assert got.toasts[0].bottom < got.caption.y


def test_what_was_heard_stands_below_the_banner_and_gives_way_on_a_small_stage() -> None:
    got = place(880, 495, Wanted(badge=132, banner=(300, 42), heard=(2000, 36), toasts=((200, 36),) * 3))
    assert got.heard is not None
    assert got.banner is not None
    assert got.badge is not None
    assert got.heard.y > got.banner.bottom
    assert got.heard.right < got.badge.x
    small = place(320, 180, Wanted(banner=(300, 42), heard=(200, 36), caption=(200, 90), speaking=(60, 34)))
    assert small.heard is None


def test_boxes_that_only_touch_do_not_meet() -> None:
    assert not Box(0, 0, 10, 10).meets(Box(10, 0, 5, 5))
    assert Box(0, 0, 10, 10).meets(Box(9, 9, 5, 5))
