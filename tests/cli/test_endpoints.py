"""Endpoint profiles from the terminal: added, checked, listed, tried, removed; keys never shown."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError
from typer.testing import CliRunner, Result

from tests.cli.invoking import answer, invoke
from tmlapp.cli.endpoints import _plain_trial
from tmlapp.cli.main import app
from tmlapp.config.secrets import SERVICE
from tmlapp.core.errors import AppError
from tmlapp.core.granted import Granted
from tmlapp.live.try_endpoint import Trial

pytestmark = pytest.mark.unit

KEY = "sk-never-to-be-seen-0123456789"


class Ring(KeyringBackend):
    """A key ring in memory, which can be locked."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if (service, username) not in self.kept:
            raise PasswordDeleteError("not there")
        del self.kept[service, username]

    def _open(self) -> None:
        if self.locked:
            raise KeyringLocked("locked, and by the way " + KEY)


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, own = keyring.get_keyring(), Ring()
    keyring.set_keyring(own)
    yield own
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMLAPP_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config" / "endpoints.json"


def _add(*words: object, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["endpoints", "add", *map(str, words)], input=typed)


def test_a_profile_is_added_listed_and_removed(home: Path) -> None:
    added = answer(_add("lab", "--kind", "openai_realtime", "--model", "m-1", "-o", "vad_threshold=0.7", "--json"))
    assert added["address"] == "profile:lab"
    assert added["key"] == "env:OPENAI_API_KEY"
    listed = answer(invoke("endpoints", "list", "--json"))["profiles"]
    assert [(p["name"], p["model"], p["options"]) for p in listed] == [("lab", "m-1", {"vad_threshold": "0.7"})]
    assert "profile:lab  openai_realtime m-1" in invoke("endpoints", "list").stdout
    assert answer(invoke("endpoints", "remove", "lab", "--json")) == {"removed": "profile:lab"}
    assert json.loads(home.read_text())["profiles"] == []
    assert "no profiles yet" in invoke("endpoints", "list").stdout


def test_a_key_typed_once_is_only_in_the_key_ring_and_leaves_it_with_the_profile(ring: Ring, home: Path) -> None:
    done = _add("lab", "--kind", "openai_realtime", "--key", "keyring", typed=KEY + "\n")
    assert done.exit_code == 0, done.output
    assert ring.kept == {(SERVICE, "lab"): KEY}
    listed = invoke("endpoints", "list", "--json")
    assert KEY not in done.output + listed.output + home.read_text()
    assert invoke("endpoints", "remove", "lab").exit_code == 0
    assert ring.kept == {}


def test_without_a_key_typed_nothing_is_added(ring: Ring, home: Path) -> None:
    failed = _add("lab", "--kind", "openai_realtime", "--key", "keyring", typed="\n")
    assert failed.exit_code == 1
    assert "No key was given." in failed.output
    assert not home.exists()
    assert ring.kept == {}


def test_a_locked_key_ring_is_named_with_the_way_around_it_and_without_its_words(ring: Ring, home: Path) -> None:
    ring.locked = True
    failed = _add("lab", "--kind", "openai_realtime", "--key", "keyring", typed=KEY + "\n")
    assert failed.exit_code == 1
    assert "The key ring of this system cannot be used." in failed.output
    assert "environment variable" in failed.output
    assert KEY not in failed.output
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("lab", "--kind", "nobody"), "There is no kind “nobody”."),
        (("lab", "--kind", "openai_realtime", "-o", "wings=2"), "no option “wings”"),
        (("lab", "--kind", "openai_realtime", "-o", "turn_detection=magic"), "cannot be “magic”"),
        (("lab", "--kind", "openai_realtime", "--url", "ws://elsewhere.example"), "unencrypted"),
        (("lab", "--kind", "openai_realtime", "--url", f"wss://x.example/?api_key={KEY}"), "carries a key"),
        (("lab", "--kind", "minicpm_o"), "needs an address"),
        (("../lab", "--kind", "openai_realtime"), "name cannot be used"),
        (("lab", "--kind", "openai_realtime", "--key", KEY), "key cannot be used"),
    ],
)
def test_what_cannot_work_is_refused_with_its_reason_and_not_kept(
    words: tuple[str, ...], says: str, home: Path
) -> None:
    failed = _add(*words)
    assert failed.exit_code == 1
    assert says in failed.output
    assert KEY not in failed.output
    assert not home.exists()


def test_an_option_without_a_value_is_a_matter_of_usage() -> None:
    assert _add("lab", "--kind", "openai_realtime", "-o", "speed").exit_code == 2


def test_a_profile_of_that_name_is_only_replaced_when_asked() -> None:
    assert _add("lab", "--kind", "openai_realtime", "--model", "one").exit_code == 0
    refused = _add("lab", "--kind", "openai_realtime", "--model", "two")
    assert refused.exit_code == 1
    assert "--replace" in refused.output
    assert answer(_add("lab", "--kind", "openai_realtime", "--model", "two", "--replace", "--json"))["model"] == "two"


def test_a_server_of_ones_own_needs_no_key_unless_its_variable_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ("--kind", "sglang_omni", "--url", "ws://127.0.0.1:8765")
    monkeypatch.delenv("SGLANG_OMNI_API_KEY", raising=False)
    added = _add("lab", *own)
    assert "No key is sent." in added.output
    assert "--key env:SGLANG_OMNI_API_KEY --replace" in added.output
    assert answer(invoke("endpoints", "list", "--json"))["profiles"][0]["key"] == "none"
    assert "No key" not in _add("open", *own, "--key", "none").output
    monkeypatch.setenv("SGLANG_OMNI_API_KEY", KEY)
    assert answer(_add("guarded", *own, "--json"))["key"] == "env:SGLANG_OMNI_API_KEY"


def test_a_variable_that_is_not_set_is_told_when_the_profile_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert "OPENAI_API_KEY is not set here" in _add("lab", "--kind", "openai_realtime").output
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    told = _add("other", "--kind", "openai_realtime").output
    assert "not set" not in told
    assert KEY not in told


def test_kinds_are_listed_with_every_option() -> None:
    kinds = {k["kind"]: k for k in answer(invoke("endpoints", "kinds", "--json"))}
    assert {"openai_realtime", "gemini_live", "moshi"} <= set(kinds)
    for kind, facts in kinds.items():
        shown = invoke("endpoints", "kinds", kind).stdout
        assert all(f"-o {o['name']}=" in shown and o["help"] in shown for o in facts["options"])
        assert (Path("docs/endpoints") / f"{facts['page']}.md").is_file(), f"{kind} has no page"


def test_a_test_says_what_is_granted_and_what_was_said_and_keeps_the_sound(tmp_path: Path) -> None:
    sound = tmp_path / "said.wav"
    result = answer(invoke("endpoints", "test", "onnx:tiny", "--seconds", "4", "--save", sound, "--json"))
    assert result["granted"]["unit_ms"] == 200
    assert "drink" in result["said"]
    assert result["error"] is None
    with wave.open(str(sound)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(result["sound_s"], abs=0.01)


def test_a_test_of_a_profile_whose_key_is_missing_says_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_KEY", raising=False)
    assert _add("lab", "--kind", "openai_realtime", "--key", "env:LAB_KEY").exit_code == 0
    failed = invoke("endpoints", "test", "lab")
    assert failed.exit_code == 1
    assert "LAB_KEY" in failed.output
    assert "Said to it" not in failed.output
    assert "It wrote no words" not in failed.output


def test_a_machine_without_a_loudspeaker_is_no_failure_of_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    def play_clip(*_: object) -> bool:
        raise AppError("There is no loudspeaker.", "The system lists none.", "Plug a loudspeaker in.")

    monkeypatch.setattr("tmlapp.live.play_clip.play_clip", play_clip)
    done = invoke("endpoints", "test", "onnx:tiny", "--seconds", "4")
    assert done.exit_code == 0, done.output
    assert "It said: “drink”" in done.output
    assert "The answer is not played. There is no loudspeaker." in done.output


def test_a_test_of_a_profile_that_does_not_exist_names_those_that_do() -> None:
    assert _add("lab", "--kind", "openai_realtime").exit_code == 0
    failed = invoke("endpoints", "test", "laboratory")
    assert failed.exit_code == 1
    assert "Known profiles: lab." in failed.output


def test_a_grant_that_is_no_json_is_told_as_null() -> None:
    granted = Granted(endpoint="x:y", name="Y", local=False, details={"a": float("inf"), "b": [float("nan"), 1]})
    plain = _plain_trial(Trial(address="x:y", host="y", granted=granted))
    assert plain["granted"]["details"] == {"a": None, "b": [None, 1]}
