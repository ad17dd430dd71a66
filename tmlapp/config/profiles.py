"""Endpoint profiles: named ways to reach a model, in one JSON file without a single key."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tmlapp.config.paths import config_dir
from tmlapp.config.secrets import keyring_secret, secret_from_environment
from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret

_NAME = re.compile(r"[\w][\w .+-]{0,63}")
LOCK_S = 5.0
"""So long another process may take to change the profiles; a lock that is twice as old was left behind."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class EndpointProfile(BaseModel):
    """How one model is reached; its address is `profile:NAME`.

    Attributes:
        kind: of the protocol, e.g. `openai_realtime`.
        url, model, voice: empty for the protocol's defaults.
        options: of the protocol, by name.
        key: where the key is: `keyring`, `env:VARIABLE`, or `none`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: str
    url: str = ""
    model: str = ""
    voice: str = ""
    options: dict[str, str] = Field(default_factory=dict)
    key: str = "none"

    @field_validator("name")
    @classmethod
    def _named(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(
                "a name has 1 to 64 letters, digits, spaces or any of . _ + -, and begins with none of these"
            )
        return value

    @field_validator("key")
    @classmethod
    def _kept(cls, value: str) -> str:
        if value in ("keyring", "none") or (value.startswith("env:") and _VARIABLE.fullmatch(value[4:])):
            return value
        raise ValueError("a key is kept as keyring, env:VARIABLE or none")

    @property
    def address(self) -> str:
        """As settings and recordings name it."""
        return f"profile:{self.name}"

    def secret(self) -> Secret | None:
        """The key, read now from where it is kept; None where the profile has none.

        Raises:
            AppError: it is not where the profile says.
        """
        if self.key == "none":
            return None
        if self.key == "keyring":
            found, where = keyring_secret(self.name), "the system's key ring"
        else:
            found, where = secret_from_environment(self.key[4:]), f"the environment variable {self.key[4:]}"
        if found is None:
            raise AppError(
                f"The key of “{self.name}” is missing.",
                f"There is none in {where}.",
                "Enter it again in the profile, or set the variable before tmlapp starts.",
            )
        return found


def made_profile(**values: Any) -> EndpointProfile:
    """A profile of `values`, by field.

    Raises:
        AppError: one of them cannot be.
    """
    try:
        return EndpointProfile(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "profile"
        raise AppError(
            f"The profile's {where} cannot be used.", f"{_sentence(first['msg'])}.", "Correct it and try again."
        ) from None


def _sentence(message: str) -> str:
    """What a check of ours said, without pydantic's word before it."""
    text = message.removeprefix("Value error, ")
    return text[:1].upper() + text[1:]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    profiles: list[EndpointProfile] = Field(default_factory=list)


def profiles_path() -> Path:
    return config_dir() / "endpoints.json"


def load_profiles(path: Path | None = None) -> list[EndpointProfile]:
    """All profiles, in their order; none where there is no such file.

    Raises:
        AppError: the file is not valid; it is left as it is.
    """
    path = path or profiles_path()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(f"The profiles {path} cannot be read.", f"{error}.", "Check the file.") from error
    try:
        return _File.model_validate(json.loads(text)).profiles
    except (ValidationError, ValueError, RecursionError) as error:
        # The cause is left out: it quotes the file, where somebody may have put a key.
        raise AppError(
            f"The profiles {path} are not valid.",
            _invalid(error),
            "Correct the file, or move it away to start without profiles.",
        ) from None


def _invalid(error: Exception) -> str:
    """What is wrong and where, without what stands there."""
    if not isinstance(error, ValidationError):
        return f"{' '.join(str(error).split())}."
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}."


def save_profiles(profiles: list[EndpointProfile], path: Path | None = None) -> None:
    """Write `profiles` whole or not at all.

    Raises:
        AppError: the file cannot be written.
    """
    path = path or profiles_path()
    text = _File(profiles=profiles).model_dump_json(indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: two processes may save at the same time.
        number, name = tempfile.mkstemp(".tmp", f"{path.name}.", path.parent)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _not_saved(path, error) from error


def _not_saved(path: Path, error: OSError) -> AppError:
    return AppError(
        f"The profiles could not be saved to {path}.", f"{error.strerror}.", "Check the folder's permissions and space."
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else changes the profiles meanwhile: what another process has just added is not lost."""
    lock = path.with_suffix(".json.lock")
    give_up_s = time.monotonic() + LOCK_S
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                break
            except FileExistsError:
                if _age_s(lock) > 2 * LOCK_S:
                    lock.unlink(missing_ok=True)
                elif time.monotonic() > give_up_s:
                    raise AppError(
                        "The profiles are being changed by another process.",
                        f"It has not finished for {LOCK_S:g} s.",
                        f"Try again; if no other tmlapp is running, delete {lock}.",
                    ) from None
                else:
                    time.sleep(0.01)
    except OSError as error:
        raise _not_saved(path, error) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _age_s(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def find_profile(name: str, path: Path | None = None) -> EndpointProfile:
    """The profile `name`.

    Raises:
        AppError: there is none.
    """
    profiles = load_profiles(path)
    for profile in profiles:
        if profile.name == name:
            return profile
    known = ", ".join(p.name for p in profiles) or "none yet"
    raise AppError(
        f"There is no endpoint profile “{name}”.",
        f"Known profiles: {known}.",
        "Choose one of them, or add it with `tmlapp endpoints add`.",
    )


def put_profile(profile: EndpointProfile, path: Path | None = None) -> None:
    """Add `profile`, or replace the one of that name.

    Raises:
        AppError: the file is not valid or cannot be written.
    """
    path = path or profiles_path()
    with _alone(path):
        profiles = load_profiles(path)
        places = [i for i, p in enumerate(profiles) if p.name == profile.name]
        if places:
            profiles[places[0]] = profile
        else:
            profiles.append(profile)
        save_profiles(profiles, path)


def remove_profile(name: str, path: Path | None = None) -> EndpointProfile:
    """Take the profile `name` away; its key, if it stands in the key ring, is the caller's business.

    Raises:
        AppError: there is none, or the file cannot be written.
    """
    path = path or profiles_path()
    with _alone(path):
        gone = find_profile(name, path)
        save_profiles([p for p in load_profiles(path) if p.name != name], path)
    return gone
