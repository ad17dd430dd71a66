"""Keys: in the system's key ring, or in an environment variable. Never in a file of ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret

SERVICE = "tmlapp"
"""Under this name keys stand in the key ring; the user name is that of the profile."""
ANSWER_S = 60.0
"""So long a key ring may take: it may be asking a person for its password."""


_WHY = {
    "NoKeyringError": "There is no key ring here.",
    "KeyringLocked": "It is locked.",
}
"""Errors of the library in words, by their kind."""


def secret_from_environment(variable: str) -> Secret | None:
    """The key in the environment variable `variable`; None where it is not set."""
    value = os.environ.get(variable, "").strip()
    return Secret(value) if value else None


def keyring_secret(profile: str) -> Secret | None:
    """The key of `profile` in the system's key ring; None where there is none.

    Raises:
        AppError: there is no key ring, it is locked, or it does not answer.
    """
    import keyring

    value = _answer(lambda: keyring.get_password(SERVICE, profile))
    value = value.strip() if isinstance(value, str) else ""
    return Secret(value) if value else None


def keep_secret(profile: str, secret: Secret) -> None:
    """Put the key of `profile` into the system's key ring.

    Raises:
        AppError: there is no key ring, it is locked, it refuses, or it does not answer.
    """
    import keyring

    _answer(lambda: keyring.set_password(SERVICE, profile, secret.reveal()))


def forget_secret(profile: str) -> None:
    """Take the key of `profile` out of the system's key ring; nothing happens where there is none.

    Raises:
        AppError: there is no key ring, it is locked, or it does not answer.
    """
    import keyring
    from keyring.errors import PasswordDeleteError

    def forget() -> None:
        try:
            keyring.delete_password(SERVICE, profile)
        except PasswordDeleteError:
            return

    _answer(forget)


def _answer(ask: Callable[[], object]) -> object:
    """What the key ring answers; asked on a thread of its own, because one that waits for a person may wait for ever.

    Back ends raise what they like. Neither their words nor their traceback may be seen: the key may be in them.
    """
    answers: list[object] = []
    failures: list[str] = []

    def work() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # noqa: BLE001 - told by its kind alone
            failures.append(type(error).__name__)

    asking = threading.Thread(target=work, name="key ring", daemon=True)
    asking.start()
    asking.join(ANSWER_S)
    if failures:
        raise AppError(
            "The key ring of this system cannot be used.",
            _WHY.get(failures[0], f"It says: {failures[0]}."),
            "Unlock or install one (on Linux: GNOME Keyring or KWallet), or keep the key in an environment variable.",
        )
    if not answers:
        raise AppError(
            "The key ring of this system does not answer.",
            f"Nothing came from it in {ANSWER_S:.0f} s.",
            "Unlock it (it may be asking for its password elsewhere), or keep the key in an environment variable.",
        )
    return answers[0]
