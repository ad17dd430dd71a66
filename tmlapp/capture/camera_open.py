"""Which cameras there are, how one is opened, and why it could not be."""

from __future__ import annotations

import http.client
import os
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import parse_qs

import cv2

from tmlapp.capture.media_file import check_file
from tmlapp.capture.video_file import quiet_decoder
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_MS

_DEV = Path("/dev")
_SYS = Path("/sys/class/video4linux")
_PROC = Path("/proc")
_PROBED_INDICES = 4
_ANSWER_TIMEOUT_S = 2.0
_CHOOSE = "Plug one in, or choose another: `tmlapp devices` lists them."


class PictureDevice(Protocol):
    """The part of `cv2.VideoCapture` that a camera needs."""

    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def get(self, propId: int) -> float: ...  # noqa: N803 - OpenCV's name
    def set(self, propId: int, value: float) -> bool: ...  # noqa: N803 - OpenCV's name
    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera of this machine: `uri` is what settings and plans take, `name` what a person calls it."""

    uri: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraAddress:
    """A camera URI taken apart: `index` of a device, `address` of a stream, or `path` of a file that plays as one."""

    kind: Literal["device", "stream", "file"]
    index: int = 0
    address: str = ""
    path: Path = Path()
    loop: bool = False


def parse_camera(uri: str) -> CameraAddress:
    """Understand `camera:N`, `http://…`, `rtsp://…` and `file:PATH?pace=1[&loop=1]`.

    Raises:
        AppError: `uri` is none of these.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "camera" and rest.isdigit():
        return CameraAddress(kind="device", index=int(rest))
    if scheme in ("http", "https", "rtsp"):
        return CameraAddress(kind="stream", address=uri)
    if scheme == "file" and rest:
        name, _, query = rest.rpartition("?") if "?" in rest else (rest, "", "")
        return CameraAddress(kind="file", path=Path(name), loop=parse_qs(query).get("loop") == ["1"])
    raise AppError(
        f"{uri!r} names no camera.",
        "A camera is named camera:0, http://… or file:VIDEO.mp4?pace=1.",
        "Choose one from the list: `tmlapp devices` prints it.",
    )


def open_device(
    where: CameraAddress,
    *,
    settings: Sequence[tuple[int, float]],
    open_timeout_ms: int,
    read_timeout_ms: int,
    clock: Clock,
    stop: threading.Event,
) -> PictureDevice:
    """Open the camera and ask it for `settings` (OpenCV property, value); streams and files take none.

    Raises:
        AppError: it is absent, in use, forbidden, or does not answer.
    """
    quiet_decoder()
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, open_timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_timeout_ms]
    if where.kind == "stream":
        # Decoding on several threads would hold back as many frames.
        capture = cv2.VideoCapture(where.address, cv2.CAP_FFMPEG, [*timeouts, cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            raise _no_stream(where.address)
        return capture
    if where.kind == "file":
        check_file(where.path)
        return FileAsCamera(where.path, loop=where.loop, clock=clock, stop=stop)
    # V4L2 takes its time-out, in seconds, from the environment only.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(max(1, read_timeout_ms // 1000)))
    capture = cv2.VideoCapture(where.index, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    if not capture.isOpened():
        raise why_not(where.index)
    for key, value in settings:
        capture.set(key, value)
    return capture


class FileAsCamera:
    """A video file that gives its pictures when a camera would; at its end it is unplugged, or begins again."""

    def __init__(self, path: Path, *, loop: bool, clock: Clock, stop: threading.Event) -> None:
        self._path = path
        self._loop = loop
        self._clock = clock
        self._stop = stop
        self._open()

    def _open(self) -> None:
        self._capture = cv2.VideoCapture(str(self._path.resolve()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise AppError(
                f"{self._path.name} cannot be played.", "The decoder does not know it.", "Name a video file."
            )
        self._origin_ns = self._clock.now_ns()
        self._first = True

    def grab(self) -> bool:
        """Wait until the next picture is due, on the clock; False at the end."""
        if not self._capture.grab():
            if not self._loop or self._first:
                return False
            self._capture.release()
            self._open()
            if not self._capture.grab():
                return False
        self._first = False
        due_ns = self._origin_ns + round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * NS_PER_MS)
        return not self._clock.wait(self._stop, due_ns)

    def retrieve(self) -> tuple[bool, Any]:
        return self._capture.retrieve()

    def get(self, propId: int) -> float:  # noqa: N803 - OpenCV's name
        return self._capture.get(propId)

    def set(self, propId: int, value: float) -> bool:  # noqa: N803 - OpenCV's name
        return self._capture.set(propId, value)

    def release(self) -> None:
        self._capture.release()


def _no_stream(address: str) -> AppError:
    """Ask once more without the decoder, only to be able to say why it failed."""
    why = "It answers, but with nothing that can be shown."
    if address.startswith("http"):
        try:
            urllib.request.urlopen(address, timeout=_ANSWER_TIMEOUT_S).close()
        except urllib.error.HTTPError as error:
            why = f"The server answers {error.code} {error.reason}."
        except (urllib.error.URLError, TimeoutError) as error:
            why = f"Nothing answers there: {getattr(error, 'reason', error)}."
        except (OSError, ValueError, http.client.HTTPException) as error:
            why = f"What answers there is no web server: {str(error) or repr(error)}."
    return AppError(f"No picture comes from {address}.", why, "Check the address, and that the camera is switched on.")


def why_not(index: int, *, dev: Path = _DEV, proc: Path = _PROC) -> AppError:
    """The reason why camera `index` could not be opened, as far as this machine tells."""
    node = dev / f"video{index}"
    what = f"Camera {index} cannot be opened."
    if sys.platform != "linux":
        return AppError(what, "It is absent, in use, or this program may not use cameras.", _CHOOSE)
    if not node.exists():
        return AppError(f"There is no camera {index}.", f"{node} does not exist.", _CHOOSE)
    if not os.access(node, os.R_OK | os.W_OK):
        fix = 'Run `sudo usermod -aG video "$USER"`, then log in again.'
        return AppError(what, f"You have no permission for {node}.", fix)
    users = users_of(node, proc=proc)
    if users:
        return AppError(f"Camera {index} is in use.", f"{', '.join(users)} has it open.", "Close that program.")
    return AppError(what, f"The driver refused to start {node}.", "Unplug the camera, wait a moment, plug it in again.")


def users_of(node: Path, *, proc: Path = _PROC) -> list[str]:
    """Names and numbers of the other processes that hold `node` open; those of other users stay hidden."""
    target = str(node.resolve())
    found: list[str] = []
    for folder in sorted(proc.glob("[0-9]*"), key=lambda p: p.name):
        if folder.name == str(os.getpid()):
            continue
        try:
            links = {os.readlink(fd) for fd in (folder / "fd").iterdir()}
            if target in links:
                found.append(f"{(folder / 'comm').read_text().strip()} (process {folder.name})")
        except OSError:
            # Of another user, or gone meanwhile: nothing can be said about it.
            continue
    return found


def list_cameras(*, dev: Path = _DEV, sys_class: Path = _SYS) -> list[CameraDevice]:
    """The cameras of this machine; on Linux without opening one, elsewhere by trying the first four."""
    if sys.platform != "linux":
        return _probe()
    found: list[CameraDevice] = []
    for node in sorted(dev.glob("video*"), key=lambda p: (len(p.name), p.name)):
        number = node.name.removeprefix("video")
        # A camera has further nodes for metadata; the first one gives the pictures.
        if not number.isdigit() or _read(sys_class / node.name / "index", "0") != "0":
            continue
        found.append(CameraDevice(f"camera:{number}", _read(sys_class / node.name / "name", f"Camera {number}")))
    return found


def _read(path: Path, default: str) -> str:
    return path.read_text(errors="replace").strip() if path.exists() else default


def _probe() -> list[CameraDevice]:
    quiet_decoder()
    found: list[CameraDevice] = []
    for index in range(_PROBED_INDICES):
        capture = cv2.VideoCapture(index, cv2.CAP_ANY)
        if capture.isOpened():
            found.append(CameraDevice(f"camera:{index}", f"Camera {index}"))
        capture.release()
    return found
