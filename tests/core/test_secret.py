"""A key that must never be seen."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from tmlapp.core.secret import MASK, Secret

pytestmark = pytest.mark.unit


def test_a_secret_is_given_only_to_who_asks_for_it() -> None:
    secret = Secret("my-key")
    assert secret.reveal() == "my-key"
    shown = (repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret, repr([secret]), repr({"k": secret}))  # noqa: UP031 - one way of many
    assert all("my-key" not in text and MASK in text for text in shown)


def test_a_secret_has_no_attributes_to_look_at() -> None:
    with pytest.raises(TypeError):
        vars(Secret("my-key"))


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_a_secret_is_not_written_anywhere(write) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError) as raised:
        write(Secret("my-key"))
    assert "my-key" not in str(raised.value)


def test_a_secret_is_hidden_in_a_text_wherever_it_stands() -> None:
    assert Secret("my-key").hide("my-key, xmy-keyx and my-kez") == f"{MASK}, x{MASK}x and my-kez"
    assert Secret("my-key").hide("nothing") == "nothing"


def test_an_empty_secret_is_none_and_hides_nothing() -> None:
    assert not Secret("")
    assert Secret("x")
    assert Secret("").hide("abc") == "abc"
