"""Which cameras there are, and why one cannot be opened, read from folders that look like /dev, /sys and /proc."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from tmlapp.capture.camera_open import _no_stream, list_cameras, parse_camera, users_of, why_not
from tmlapp.core.errors import AppError

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(sys.platform != "linux", reason="these folders exist on Linux"),
]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Two cameras, the first one with a node for metadata."""
    for number, index, name in ((0, 0, "HD Webcam"), (1, 1, "HD Webcam"), (2, 0, "USB Capture")):
        folder = tmp_path / "sys" / f"video{number}"
        folder.mkdir(parents=True)
        (folder / "index").write_text(f"{index}\n")
        (folder / "name").write_text(f"{name}\n")
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / "dev" / f"video{number}").touch()
    (tmp_path / "dev" / "video10").touch()
    (tmp_path / "dev" / "videoloop").touch()
    return tmp_path


def test_cameras_are_listed_by_name_without_their_metadata_nodes(machine: Path) -> None:
    found = list_cameras(dev=machine / "dev", sys_class=machine / "sys")
    assert [(c.uri, c.name) for c in found] == [
        ("camera:0", "HD Webcam"),
        ("camera:2", "USB Capture"),
        ("camera:10", "Camera 10"),
    ]


def test_this_machine_is_listed_without_an_error() -> None:
    assert all(c.uri.startswith("camera:") for c in list_cameras())


def test_elsewhere_the_first_indices_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert isinstance(list_cameras(), list)


def test_an_absent_camera_is_called_absent(machine: Path) -> None:
    error = why_not(5, dev=machine / "dev")
    assert "no camera 5" in error.what
    assert "tmlapp devices" in error.fix


def test_a_camera_in_use_names_the_program(machine: Path) -> None:
    node = machine / "dev" / "video0"
    folder = machine / "proc" / "4711"
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text("zoom\n")
    os.symlink(node, folder / "fd" / "9")
    (machine / "proc" / "4712").mkdir()
    assert users_of(node, proc=machine / "proc") == ["zoom (process 4711)"]
    error = why_not(0, dev=machine / "dev", proc=machine / "proc")
    assert "in use" in error.what
    assert "zoom" in error.why


def test_a_camera_that_this_process_holds_is_not_blamed_on_another(machine: Path) -> None:
    node = machine / "dev" / "video0"
    folder = machine / "proc" / str(os.getpid()) / "fd"
    folder.mkdir(parents=True)
    os.symlink(node, folder / "3")
    assert "refused to start" in why_not(0, dev=machine / "dev", proc=machine / "proc").why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_missing_permission_is_said(machine: Path) -> None:
    (machine / "dev" / "video0").chmod(0)
    assert "permission" in why_not(0, dev=machine / "dev").why


def test_elsewhere_the_usual_reasons_are_named(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "in use" in why_not(0, dev=machine / "dev").why


def test_addresses_are_understood() -> None:
    assert parse_camera("camera:3").index == 3
    assert parse_camera("rtsp://10.0.0.1/x").kind == "stream"
    file = parse_camera("file:/a b/c?d.mp4?pace=1&loop=1")
    assert (file.path, file.loop) == (Path("/a b/c?d.mp4"), True)
    assert parse_camera("file:x.mp4").path == Path("x.mp4")


@pytest.mark.parametrize("uri", ["", "camera:", "camera:front", "ftp://x", "file:"])
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(AppError, match="names no camera"):
        parse_camera(uri)


def test_an_absent_camera_cannot_be_opened_on_this_machine(tmp_path: Path) -> None:
    from tmlapp.capture.camera_open import open_device
    from tmlapp.core.clock import ManualClock

    with pytest.raises(AppError):
        open_device(
            parse_camera("camera:63"),
            settings=(),
            open_timeout_ms=500,
            read_timeout_ms=500,
            clock=ManualClock(),
            stop=threading.Event(),
        )


@pytest.mark.parametrize("answer", [b"", b"no HTTP at all\r\n\r\n"])
def test_a_server_that_speaks_no_http_is_an_error_in_words(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=hang_up)
        thread.start()
        error = _no_stream(f"http://127.0.0.1:{server.getsockname()[1]}/cam")
        thread.join()
    assert "no web server" in error.why
    assert "no web server" in _no_stream("http://127.0.0.1:port/").why
