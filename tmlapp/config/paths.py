"""Where things lie: what is shipped, and what belongs to the user."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from tmlapp.core.errors import AppError

_PACKAGE = Path(__file__).resolve().parent.parent


def _shipped(name: str) -> Path:
    # A wheel carries models/ and assets/ inside the package; a checkout has them beside it.
    for root in (_PACKAGE / "_bundled", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise AppError(
        f"The shipped folder {name}/ is missing.",
        f"It is neither in {_PACKAGE / '_bundled'} nor beside {_PACKAGE}.",
        "Install tmlapp again.",
    )


def models_dir() -> Path:
    """Folder of the shipped models; `onnx:tiny` is its sub-folder `tiny`."""
    return _shipped("models")


def silero_model() -> Path:
    """The graph that finds voice activity, shipped under its own licence (MIT) in `models/silero`."""
    return models_dir() / "silero" / "silero_vad.onnx"


def assets_dir() -> Path:
    """Folder of the shipped clip, themes and fonts."""
    return _shipped("assets")


def demo_source() -> str:
    """The bundled clip with its sound, as `VIDEO,AUDIO`; the truths for it lie beside it."""
    demo = assets_dir() / "demo"
    return f"{demo / 'squats.mp4'},{demo / 'squats.wav'}"


def tour_source() -> str:
    """The tour: a clip in which somebody asks aloud to be counted, for start and stop, and to be reminded."""
    demo = assets_dir() / "demo"
    return f"{demo / 'tour.mp4'},{demo / 'tour.ogg'}"


def config_dir() -> Path:
    """Folder of the settings; `TMLAPP_CONFIG_DIR` overrides it."""
    return Path(os.environ.get("TMLAPP_CONFIG_DIR") or platformdirs.user_config_dir("tmlapp", appauthor=False))


def log_dir() -> Path:
    """Folder of the log files; `TMLAPP_LOG_DIR` overrides it."""
    return Path(os.environ.get("TMLAPP_LOG_DIR") or platformdirs.user_log_dir("tmlapp", appauthor=False))


def cache_dir() -> Path:
    """Folder of what can be made again at any time; `TMLAPP_CACHE_DIR` overrides it."""
    return Path(os.environ.get("TMLAPP_CACHE_DIR") or platformdirs.user_cache_dir("tmlapp", appauthor=False))


def default_recordings_dir() -> Path:
    """Where recordings go unless the settings say otherwise."""
    return Path(platformdirs.user_documents_dir()) / "tmlapp" / "recordings"
