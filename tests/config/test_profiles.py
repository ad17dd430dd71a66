"""Endpoint profiles: kept whole or not at all, and never with a key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tmlapp.config import profiles
from tmlapp.config.profiles import (
    EndpointProfile,
    find_profile,
    load_profiles,
    profiles_path,
    put_profile,
    remove_profile,
    save_profiles,
)
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit
LAB = EndpointProfile(
    name="The lab 2",
    kind="sglang_omni",
    url="wss://lab.example",
    model="m",
    voice="v",
    options={"a": "b"},
    key="env:LAB_KEY",
)


def test_profiles_are_kept_in_their_order_and_replaced_by_name() -> None:
    assert load_profiles() == []
    other = EndpointProfile(name="other", kind="moshi")
    put_profile(LAB)
    put_profile(other)
    put_profile(LAB.model_copy(update={"model": "m2"}))
    assert [(p.name, p.model) for p in load_profiles()] == [("The lab 2", "m2"), ("other", "")]
    assert find_profile("other").address == "profile:other"
    assert remove_profile("The lab 2").model == "m2"
    assert load_profiles() == [other]
    assert [p.name for p in profiles_path().parent.iterdir()] == ["endpoints.json"]


def test_a_profile_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(AppError, match="Known profiles: none yet"):
        find_profile("x")
    put_profile(LAB)
    with pytest.raises(AppError, match="Known profiles: The lab 2"):
        remove_profile("x")


@pytest.mark.parametrize("name", ["", " x", "-x", "a/b", "a:b", "x" * 65, "a\nb", "../x", "a“b"])
def test_names_that_could_be_anything_else_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="a name has"):
        EndpointProfile(name=name, kind="k")


@pytest.mark.parametrize("key", ["sk-abcdef", "env:", "env:A B", "env:1A", "KEYRING", "", "file:/x"])
def test_a_key_itself_is_no_place_of_a_key(key: str) -> None:
    with pytest.raises(ValidationError, match="a key is kept as"):
        EndpointProfile(name="x", kind="k", key=key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2}',
        '{"profiles": 5}',
        '{"profiles": [{"name": "x"}]}',
        '{"profiles": [{"name": "x", "kind": "k", "api_key": "sk-1"}]}',
        '{"profiles": [], "more": 1}',
        "[" * 100_000,
        '{"profiles": [{"name": "x", "kind": "k", "options": {"a": 5}}]}',
    ],
)
def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "endpoints.json"
    path.write_text(text)
    with pytest.raises(AppError, match="not valid"):
        load_profiles(path)
    with pytest.raises(AppError, match="not valid"):
        put_profile(LAB, path)
    assert path.read_text() == text


@pytest.mark.parametrize("member", ["api_key", "key"])
def test_a_key_that_somebody_put_into_the_file_is_not_quoted(tmp_path: Path, member: str) -> None:
    path = tmp_path / "endpoints.json"
    path.write_text(json.dumps({"profiles": [{"name": "x", "kind": "k", member: "sk-marker-31415926"}]}))
    with pytest.raises(AppError, match="not valid") as raised:
        load_profiles(path)
    assert f"profiles.0.{member}" in raised.value.why
    shown = "".join(traceback.format_exception(raised.value)) + json.dumps(raised.value.to_json())
    assert "sk-marker-31415926" not in shown


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        load_profiles(tmp_path)
    path = tmp_path / "endpoints.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AppError, match="cannot be read"):
        load_profiles(path)


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "endpoints.json"
    save_profiles([LAB], path)

    def full(*_paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AppError, match="could not be saved"):
        save_profiles([], path)
    assert load_profiles(path) == [LAB]
    assert [p.name for p in tmp_path.iterdir()] == ["endpoints.json"]
    with pytest.raises(AppError, match="could not be saved"):
        save_profiles([LAB], tmp_path / "endpoints.json" / "below")


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_stands_in_the_file_it_is_profiles_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.json"
    path.write_text(json.dumps({"profiles": value}))
    try:
        loaded = load_profiles(path)
    except AppError as error:
        loaded, said = [], str(error)
    else:
        said = "not valid"
    assert all(isinstance(p, EndpointProfile) for p in loaded)
    assert "not valid" in said


def test_processes_that_save_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    code = (
        "import sys; from pathlib import Path; from tmlapp.config.profiles import EndpointProfile, put_profile\n"
        "for i in range(20): put_profile(EndpointProfile(name=f'p{sys.argv[2]}.{i}', kind='moshi'), Path(sys.argv[1]))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(2)]
    assert [writer.wait(30) for writer in writers] == [0, 0]
    assert len(load_profiles(path)) == 40
    assert [p.name for p in tmp_path.iterdir()] == ["endpoints.json"]


def test_a_lock_is_respected_for_a_while_and_taken_away_once_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "LOCK_S", 0.02)
    path, lock = tmp_path / "endpoints.json", tmp_path / "endpoints.json.lock"
    lock.touch()
    future = time.time() + 60
    os.utime(lock, (future, future))
    with pytest.raises(AppError, match="being changed"):
        put_profile(LAB, path)
    assert lock.exists()
    os.utime(lock, (0, 0))
    put_profile(LAB, path)
    assert load_profiles(path) == [LAB]
    assert not lock.exists()
