"""What is written down of a frame: no sound, no picture, no key, nothing without end."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.core.event import Delegation, Granted, SessionOpened, TextOut, ToolCall, WireFrame, to_json
from tmlapp.core.secret import MASK, Secret
from tmlapp.endpoints.remote.wirelog import Folder, Redactor, described_frame, folded_base64

pytestmark = pytest.mark.unit
KEY = "marker-key/with+signs=4711"
SOUND = bytes(range(256)) * 10


def fold(value: Any, key: str = KEY) -> Any:
    return Folder(Redactor(Secret(key))).fold(value)


def media(data: bytes, **more: str) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} | more


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("length", [300, 301, 302])
def test_sound_is_folded_in_either_alphabet(encode: Any, length: int) -> None:
    data = (b"\xfb\xff\xfe" * 200)[:length]
    text = encode(data).decode()
    assert fold({"delta": text}) == {"delta": media(data)}
    assert fold({"delta": text.rstrip("=")}) == {"delta": media(data)}


def test_a_data_uri_keeps_its_type() -> None:
    uri = "data:image/jpeg;base64," + base64.b64encode(SOUND).decode()
    assert fold([uri]) == [media(SOUND, type="image/jpeg")]


def test_bytes_are_folded() -> None:
    assert fold({"a": SOUND, "b": bytearray(SOUND), "c": memoryview(SOUND)}) == dict.fromkeys("abc", media(SOUND))


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox. " * 40,
        "A" * 63 + " " + "A" * 300,
        "A" * 400 + "!",
        "A" * 401,
        "ä" * 300,
        "data:text/plain," + "A" * 300,
        "short",
    ],
)
def test_what_is_no_base64_stays(text: str) -> None:
    assert fold(text) == text


def test_names_that_hold_secrets_are_masked() -> None:
    message = {
        "Authorization": "Bearer x", "x-goog-api-key": "y", "resume_token": "t", "api-key": "k",
        "sessionResumption": {"handle": "h"}, "sessionResumptionUpdate": {"newHandle": "n", "resumable": True},
        "client_secret": {"value": "v"}, "session": {"handle": None},
    }  # fmt: skip
    shown = fold(message)
    assert shown == {
        "Authorization": MASK, "x-goog-api-key": MASK, "resume_token": MASK, "api-key": MASK,
        "sessionResumption": {"handle": MASK}, "sessionResumptionUpdate": {"newHandle": MASK, "resumable": True},
        "client_secret": MASK, "session": {"handle": None},
    }  # fmt: skip


def test_the_key_is_masked_wherever_it_stands() -> None:
    shown = json.dumps(
        fold({"a": f"x {KEY} y", KEY: [KEY, {"b": f"{KEY}{KEY}"}], "url": "k=marker-key%2Fwith%2Bsigns%3D4711"})
    )
    assert "marker-key" not in shown
    assert shown.count(json.dumps(MASK)[1:-1]) == 6


def test_a_key_as_short_as_a_word_masks_no_words() -> None:
    assert fold("this is a test", key="test") == "this is a test"
    assert Redactor(None).text("x") == "x"


def test_events_lose_the_key_and_keep_everything_else() -> None:
    redactor = Redactor(Secret(KEY))
    clean = ToolCall(call_id="c", name="n", arguments={"a": [1, 2.5, None, "b"]})
    assert redactor.value(clean) is clean
    call = redactor.value(ToolCall(call_id=KEY, name="n", arguments={"a": [KEY], KEY: 1}))
    assert call == ToolCall(call_id=MASK, name="n", arguments={"a": [MASK], MASK: 1})
    granted = Granted(endpoint="e", name=KEY, local=False, modalities_in=(KEY, "text"), details={"d": {"x": KEY}})
    shown = redactor.value(SessionOpened(granted=granted))
    assert KEY not in str(to_json(shown))
    assert shown.granted.modalities_in == (MASK, "text")
    assert redactor.value(Delegation(id="i", target="t", state="created")).state == "created"


def test_depth_and_size_are_bounded() -> None:
    deep: Any = "end"
    for _ in range(500):
        deep = [deep]
    assert len(str(fold(deep))) < 200
    wide = fold(list(range(1_000_000)))
    assert len(wide) < 25_000
    assert wide[-1].startswith("… ")
    keys = fold({str(i): i for i in range(100_000)})
    assert len(keys) < 25_000
    assert "…" in keys
    long = fold("word " * 1_000_000)
    assert len(long) < 1_100_000
    assert long.endswith("characters more")


def test_numbers_that_json_does_not_know_become_text() -> None:
    assert fold([math.nan, math.inf, 1.5, True, None, 10**30]) == ["nan", "inf", 1.5, True, None, 10**30]


def test_a_frame_that_nobody_understood_is_described() -> None:
    redactor = Redactor(Secret(KEY))
    assert described_frame(f"{KEY}{'x' * 5_000}", redactor)["text"].startswith(MASK)
    assert described_frame(b"\x00\x01" * 300, redactor)["begins"] == "0001" * 8


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(KEY) | st.binary(max_size=600).map(
        lambda b: base64.b64encode(b).decode()
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just(KEY), inner),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_whatever_is_written_down_is_json_without_the_key(value: Any) -> None:
    shown = fold(value)
    written = json.dumps(to_json(WireFrame(index=0, direction="sent", size=0, message=shown)), allow_nan=False)
    assert KEY not in written
    assert fold(shown) == shown or "…" in written


@settings(max_examples=100, deadline=None)
@given(
    st.text(min_size=256, max_size=300)
    | st.binary(min_size=200, max_size=300).map(lambda b: base64.b64encode(b).decode())
)
def test_any_text_is_folded_or_not_but_never_raises(text: str) -> None:
    folded = folded_base64(text)
    assert folded is None or folded["bytes"] >= 0
    assert TextOut(delta=text) == Redactor(Secret(KEY)).value(TextOut(delta=text))


@pytest.mark.parametrize("kept", [8, 9, 15, len(KEY) - 1])
@pytest.mark.parametrize("end", ["", "…"])
def test_a_key_that_was_cut_is_masked_too(kept: int, end: str) -> None:
    redactor = Redactor(Secret(KEY))
    assert redactor.text(f"No such key: {KEY[:kept]}{end}") == f"No such key: {MASK}"
    assert redactor.text(f"{KEY[:kept]} is no key") == f"{KEY[:kept]} is no key"


def test_a_long_text_is_cut_after_its_keys_are_masked() -> None:
    shown = json.dumps(fold("word " * 10_000 + f"{KEY} " * 20_000))
    assert KEY[:8] not in shown
    assert "characters more" in shown


@pytest.mark.parametrize("before", [b"", b"\x02", b"\xff" * 8])
def test_a_key_in_a_binary_frame_is_not_written_down_as_digits(before: bytes) -> None:
    shown = json.dumps(fold(described_frame(before + KEY.encode(), Redactor(Secret(KEY)))))
    assert KEY[:8].encode().hex() not in shown
    assert json.dumps(fold({"payload": (before + KEY.encode() + b"!").hex()})).count(KEY[:8].encode().hex()) == 0
