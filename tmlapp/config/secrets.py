"""Keys: in the system's key ring, or in an environment variable. Never in a file of ours."""

from __future__ import annotations

import os

from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret

SERVICE = "tmlapp"
"""Under this name keys stand in the key ring; the user name is that of the profile."""


def secret_from_environment(variable: str) -> Secret | None:
    """The key in the environment variable `variable`; None where it is not set."""
    value = os.environ.get(variable, "").strip()
    return Secret(value) if value else None


def keyring_secret(profile: str) -> Secret | None:
    """The key of `profile` in the system's key ring; None where there is none.

    Raises:
        AppError: there is no key ring, or it is locked.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        value = keyring.get_password(SERVICE, profile)
    except (KeyringError, RuntimeError, OSError) as error:
        raise _no_ring(error) from None
    return Secret(value) if value else None


def keep_secret(profile: str, secret: Secret) -> None:
    """Put the key of `profile` into the system's key ring.

    Raises:
        AppError: there is no key ring, it is locked, or it refuses.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, profile, secret.reveal())
    except (KeyringError, RuntimeError, OSError) as error:
        # The cause is left out: a traceback of the key ring's code may show the key among its arguments.
        raise _no_ring(error) from None


def forget_secret(profile: str) -> None:
    """Take the key of `profile` out of the system's key ring; nothing happens where there is none.

    Raises:
        AppError: there is no key ring, or it is locked.
    """
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        keyring.delete_password(SERVICE, profile)
    except PasswordDeleteError:
        return
    except (KeyringError, RuntimeError, OSError) as error:
        raise _no_ring(error) from None


def _no_ring(error: Exception) -> AppError:
    return AppError(
        "The key ring of this system cannot be used.",
        f"It says: {type(error).__name__}.",
        "Unlock or install one (on Linux: GNOME Keyring or KWallet), or keep the key in an environment variable.",
    )
