"""Keys in the system's key ring and in the environment; a ring that cannot be used says so."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoRing
from keyring.errors import KeyringLocked, PasswordDeleteError, PasswordSetError

from tmlapp.config import secrets
from tmlapp.config.profiles import EndpointProfile
from tmlapp.config.secrets import SERVICE, forget_secret, keep_secret, keyring_secret, secret_from_environment
from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret

pytestmark = pytest.mark.unit
KEY = "marker-key-of-the-ring"


class Ring(KeyringBackend):
    """A key ring in memory; `broken` is raised by everything."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.broken: Exception | None = None

    def _look(self) -> None:
        if self.broken is not None:
            raise self.broken

    def get_password(self, service: str, username: str) -> str | None:
        self._look()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._look()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._look()
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


def _use(backend: KeyringBackend) -> Iterator[KeyringBackend]:
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def ring() -> Iterator[Ring]:
    yield from _use(Ring())  # type: ignore[misc]


@pytest.fixture
def no_ring() -> Iterator[KeyringBackend]:
    yield from _use(NoRing())


def test_a_key_is_kept_read_and_forgotten(ring: Ring) -> None:
    assert keyring_secret("lab") is None
    keep_secret("lab", Secret(KEY))
    assert ring.kept == {(SERVICE, "lab"): KEY}
    found = keyring_secret("lab")
    assert found is not None
    assert found.reveal() == KEY
    forget_secret("lab")
    forget_secret("lab")
    assert keyring_secret("lab") is None


def test_a_profile_reads_its_key_from_the_ring(ring: Ring) -> None:
    profile = EndpointProfile(name="lab", kind="sglang_omni", key="keyring")
    with pytest.raises(AppError, match="There is none in the system's key ring"):
        profile.secret()
    ring.kept[SERVICE, "lab"] = KEY
    found = profile.secret()
    assert found is not None
    assert found.reveal() == KEY
    assert KEY not in repr(profile) + profile.model_dump_json()


USES: list[Callable[[], object]] = [
    lambda: keyring_secret("lab"),
    lambda: keep_secret("lab", Secret(KEY)),
    lambda: forget_secret("lab"),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "broken",
    [KeyringLocked(f"locked {KEY}"), PasswordSetError(KEY), RuntimeError(KEY), OSError(KEY)],
    ids=lambda e: type(e).__name__,
)
def test_a_ring_that_is_locked_or_broken_says_what_to_do_and_shows_no_key(
    ring: Ring, use: Callable[[], object], broken: Exception
) -> None:
    ring.broken = broken
    with pytest.raises(AppError, match="key ring of this system cannot be used") as raised:
        use()
    locked = isinstance(broken, KeyringLocked)
    assert raised.value.why == ("It is locked." if locked else f"It says: {type(broken).__name__}.")
    assert "environment variable" in raised.value.fix
    assert KEY not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("use", USES)
def test_a_system_without_a_ring_says_what_to_do(no_ring: KeyringBackend, use: Callable[[], object]) -> None:
    with pytest.raises(AppError, match=r"There is no key ring here\. Unlock or install one"):
        use()


def test_a_variable_that_is_blank_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "  \n"):
        monkeypatch.setenv("TMLAPP_TEST_KEY", value)
        assert secret_from_environment("TMLAPP_TEST_KEY") is None
    monkeypatch.delenv("TMLAPP_TEST_KEY")
    assert secret_from_environment("TMLAPP_TEST_KEY") is None
    monkeypatch.setenv("TMLAPP_TEST_KEY", f" {KEY}\n")
    found = secret_from_environment("TMLAPP_TEST_KEY")
    assert found is not None
    assert found.reveal() == KEY


@pytest.mark.parametrize("call", [keyring_secret, forget_secret, lambda name: keep_secret(name, Secret(KEY))])
def test_what_a_ring_says_when_it_fails_is_seen_nowhere(ring: Ring, call: Callable[[str], object]) -> None:
    ring.broken = KeyError(KEY)
    with pytest.raises(AppError, match="KeyError") as raised:
        call("lab")
    shown = traceback.TracebackException.from_exception(raised.value, capture_locals=False)
    assert KEY not in "".join(shown.format()) + repr(raised.value)
    assert raised.value.__context__ is None


def test_a_ring_that_does_not_answer_is_not_waited_for_for_ever(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(ring, "_look", answer.wait)
    monkeypatch.setattr(secrets, "ANSWER_S", 0.01)
    with pytest.raises(AppError, match="does not answer"):
        keyring_secret("lab")
    answer.set()
