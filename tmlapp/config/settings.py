"""Typed, versioned settings in one JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tmlapp.config.paths import config_dir, default_recordings_dir
from tmlapp.core.errors import AppError

PRESETS = (
    "Please count out reps for {action}.",
    "Say 'start' when the person starts doing {action} then say 'Stop' when they stop.",
    "Remind me to breathe in and out every 4 seconds.",
    "In 10 seconds tell me to drink.",
)


class Settings(BaseModel):
    """Everything that outlasts a session.

    Attributes:
        microphone, loudspeaker: device name (or part of it), `default`, or `none`.
        camera: `camera:0`, a URL, or `none`.
        endpoint: address of the endpoint, e.g. `onnx:tiny`.
        recordings_dir: the one folder in which recordings lie.
        library_folders: further ones that the library shows (runs, item sets, other people's recordings).
        theme: colour scheme, or `system` to follow the desktop.
        text_scale: size of the window's texts, 1.0 for the usual one.
        jpeg_quality: of recorded frames, which are the frames that a model sees.
        echo: `on` takes the loudspeaker's sound out of the microphone before the model hears it, `headphones` says that
            none gets in, `off` leaves the sound as it is.
        voice: who speaks texts without a recording: `auto` (whatever is there), a speech engine's name, or `none`.
        rater: pseudonym under which the person judges; empty for one made from the name of the user.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    version: Literal[1] = 1
    microphone: str = "default"
    loudspeaker: str = "default"
    camera: str = "camera:0"
    camera_width: int = Field(default=1280, ge=64, le=7680)
    camera_height: int = Field(default=720, ge=64, le=4320)
    camera_fps: int = Field(default=30, ge=1, le=240)
    jpeg_quality: int = Field(default=85, ge=50, le=100)
    endpoint: str = "onnx:tiny"
    recordings_dir: Path = Field(default_factory=default_recordings_dir)
    library_folders: tuple[Path, ...] = ()
    session_name: str = "session"
    instruction: str = "Please count out reps for squats."
    presets: tuple[str, ...] = PRESETS
    theme: Literal["system", "light", "dark"] = "system"
    text_scale: float = Field(default=1.0, ge=0.8, le=2.0)
    model_threads: int = Field(default=1, ge=1, le=64)
    echo: Literal["on", "off", "headphones"] = "on"
    voice: str = "auto"
    rater: str = ""


def settings_path() -> Path:
    return config_dir() / "settings.json"


def load_settings(path: Path | None = None) -> Settings:
    """The settings in `path`, or the defaults where there is no such file.

    Raises:
        AppError: the file is not valid; it is left as it is.
    """
    path = path or settings_path()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise AppError(
            f"The settings {path} cannot be read.", f"{error.strerror}.", "Check its permissions."
        ) from error
    try:
        return Settings.model_validate(json.loads(text))
    except (ValidationError, ValueError) as error:
        raise AppError(
            f"The settings {path} are not valid.",
            " ".join(str(error).split()),
            "Correct the file, or move it away to start with the defaults.",
        ) from error


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write `settings` whole or not at all.

    Raises:
        AppError: the file cannot be written.
    """
    path = path or settings_path()
    temporary = path.with_suffix(".json.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise AppError(
            f"The settings could not be saved to {path}.",
            f"{error.strerror}.",
            "Check the folder's permissions and space.",
        ) from error
