"""The sound cards and cameras of this machine, and the one door to PortAudio."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from tmlapp.core.errors import AppError

Direction = Literal["input", "output"]
WORDS: dict[str, str] = {"input": "microphone", "output": "loudspeaker"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundDevice:
    """A microphone or a loudspeaker as PortAudio lists it.

    Attributes:
        index: PortAudio's number, valid until the devices are read again.
        host: PortAudio's host API (ALSA, Core Audio, …).
        channels: most channels in the asked direction.
        default: the system would choose this one.
    """

    index: int
    name: str
    host: str
    rate_hz: int
    channels: int
    default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Everything that can be captured from or played to. Cameras are dicts with at least `name`.

    Attributes:
        problem: why there is no sound at all, if PortAudio is not installed; else empty.
    """

    microphones: tuple[SoundDevice, ...]
    loudspeakers: tuple[SoundDevice, ...]
    cameras: tuple[dict[str, Any], ...]
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def portaudio() -> Any:
    """The module `sounddevice`, imported on first use.

    Raises:
        AppError: the PortAudio library is not installed.
    """
    try:
        return importlib.import_module("sounddevice")
    except OSError as error:
        raise AppError(
            "Sound cannot be used.", f"{error}.", "Install PortAudio (Debian, Ubuntu: apt install libportaudio2)."
        ) from error


def reason(error: Exception) -> str:
    """PortAudio's own words for what went wrong, as one sentence."""
    text = str(error.args[0]) if error.args else type(error).__name__
    details = error.args[2] if len(error.args) > 2 and isinstance(error.args[2], tuple) else None
    if details is not None:
        text = f"{text}: {details[2]}"
    return text.rstrip(".") + "."


def list_sound(direction: Direction) -> tuple[SoundDevice, ...]:
    """All microphones or all loudspeakers.

    Raises:
        AppError: PortAudio is not installed, or does not list anything.
    """
    sd = portaudio()
    try:
        hosts, devices = sd.query_hostapis(), sd.query_devices()
    except sd.PortAudioError as error:
        raise _no_sound(error) from error
    try:
        default = int(sd.query_devices(kind=direction)["index"])
    except sd.PortAudioError:
        default = -1
    found = []
    for index, info in enumerate(devices):
        channels = int(info[f"max_{direction}_channels"])
        if channels > 0:
            host = str(hosts[info["hostapi"]]["name"])
            rate = round(info["default_samplerate"])
            is_default = index == default
            found.append(
                SoundDevice(
                    index=index, name=info["name"], host=host, rate_hz=rate, channels=channels, default=is_default
                )
            )
    return tuple(found)


def _no_sound(error: Exception) -> AppError:
    return AppError("The sound devices cannot be listed.", reason(error), "Look whether the sound server runs.")


def list_devices() -> Devices:
    """What this machine has; without PortAudio still the cameras, and the reason in `problem`."""
    cameras = _list_cameras()
    try:
        microphones, loudspeakers = list_sound("input"), list_sound("output")
    except AppError as error:
        return Devices(microphones=(), loudspeakers=(), cameras=cameras, problem=str(error))
    return Devices(microphones=microphones, loudspeakers=loudspeakers, cameras=cameras)


def _list_cameras() -> tuple[dict[str, Any], ...]:
    # Imported here, because OpenCV takes a while and most callers only want sound.
    from tmlapp.capture.camera_open import list_cameras

    return tuple(asdict(camera) for camera in list_cameras())


def resolve(direction: Direction, name: str) -> SoundDevice:
    """The device whose name is `name`, or else the only one whose name contains it; `default` is the system's choice.

    Raises:
        AppError: there is none, or more than one; it lists what there is.
    """
    word = WORDS[direction]
    devices = list_sound(direction)
    names = ", ".join(f"“{d.name}”" for d in devices) or "none"
    if name == "default":
        chosen = [d for d in devices if d.default] or list(devices[:1])
        if not chosen:
            raise AppError(f"There is no {word}.", "The system lists none.", f"Plug a {word} in, or choose “none”.")
        return chosen[0]
    exact = [d for d in devices if d.name == name]
    part = exact or [d for d in devices if name.lower() in d.name.lower()]
    if not part:
        raise AppError(f"The {word} “{name}” was not found.", f"There is: {names}.", "Plug it in, or choose another.")
    if len(part) > 1 and not exact:
        several = ", ".join(f"“{d.name}”" for d in part)
        raise AppError(f"“{name}” could be more than one {word}.", f"It fits {several}.", "Give the whole name.")
    return part[0]


class StreamOwner(Protocol):
    """Has one PortAudio stream and can do without it for a moment."""

    def lend(self) -> bool:
        """Close the stream for a moment; False if it is in use."""
        ...

    def reclaim(self) -> None:
        """Open it again."""
        ...


class AudioSystem:
    """Knows every open stream of this process, so that PortAudio's device list can be read again safely.

    PortAudio lists devices once, when it is initialised; a microphone that was plugged in later is found only after
    ending it, and that pulls the rug from under every open stream. Microphone and loudspeaker of a session share one.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owners: list[StreamOwner] = []

    def join(self, owner: StreamOwner) -> None:
        with self._lock:
            if owner not in self._owners:
                self._owners.append(owner)

    def leave(self, owner: StreamOwner) -> None:
        with self._lock:
            if owner in self._owners:
                self._owners.remove(owner)

    def opening(self, action: Callable[[], Any]) -> Any:
        """Run `action`, which opens or closes a stream, while nobody reads the devices again."""
        with self._lock:
            return action()

    def refresh(self, asker: StreamOwner) -> bool:
        """Read the devices again; False if another stream is in use, then nothing happened.

        Raises:
            AppError: PortAudio cannot be started again at the moment.
        """
        with self._lock:
            others = [owner for owner in self._owners if owner is not asker]
            lent = []
            try:
                for owner in others:
                    if not owner.lend():
                        return False
                    lent.append(owner)
                sd = portaudio()
                try:
                    # Fails after a start that failed; the next one is what counts.
                    with suppress(sd.PortAudioError):
                        sd._terminate()
                    sd._initialize()
                except sd.PortAudioError as error:
                    raise _no_sound(error) from error
                return True
            finally:
                for owner in lent:
                    owner.reclaim()
