"""Start and stop the virtual sound card. No systemd, no D-Bus, works as root and in CI.

Sound card: sink `speaker` (48 kHz stereo); source `mic`, fed by playing into sink `mic_in` (48 kHz mono); source
`eight`, fed by playing into sink `eight_in` (96 kHz, 8 channels). PortAudio sees them as `vd_speaker`, `vd_mic`
and `vd_eight` through an ALSA configuration of its own, and `default` is the first two.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO

TOOLS = ("pulseaudio", "pactl", "parec", "paplay")
ASOUND = """</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.vd_mic { type pulse device mic hint { show on description "virtual microphone" } }
pcm.vd_eight { type pulse device eight hint { show on description "virtual 8-channel microphone" } }
pcm.vd_speaker { type pulse device speaker hint { show on description "virtual loudspeaker" } }
"""
_PR_SET_PDEATHSIG = 1
# ALSA's order. Any other one makes PulseAudio mix the channels anew, and samples are no longer exact.
_EIGHT = "front-left,front-right,rear-left,rear-right,front-center,lfe,side-left,side-right"


def missing_tools() -> list[str]:
    """What has to be installed before the virtual sound card can run (Debian: pulseaudio, pulseaudio-utils)."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class VirtualDesk:
    """One private sound server in `folder` (short path: it holds a Unix socket)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: subprocess.Popen[bytes] | None = None
        self._hook: Callable[[], None] | None = _die_with_parent
        self._keep_alive: list[subprocess.Popen[bytes]] = []

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables that lead to this sound card."""
        pulse = self.folder / "pulse"
        return {
            "XDG_RUNTIME_DIR": str(self.folder),
            "PULSE_RUNTIME_PATH": str(pulse),
            "PULSE_SERVER": f"unix:{pulse}/native",
            "PULSE_COOKIE": str(self.folder / "cookie"),
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
        }

    @property
    def env(self) -> dict[str, str]:
        """A whole environment for subprocesses."""
        return {**os.environ, **self.settings}

    def start(self, *, die_with_parent: bool = True) -> None:
        """Start the server and wait until sound flows; nothing happens if it runs already.

        Raises:
            RuntimeError: it does not come up; the message holds its log.
        """
        if self.running():
            return
        pulse = self.folder / "pulse"
        pulse.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.folder / "asound.conf").write_text(ASOUND)
        (pulse / "native").unlink(missing_ok=True)
        self._hook = _die_with_parent if die_with_parent else None
        modules = (
            f"module-native-protocol-unix socket={pulse}/native auth-anonymous=1",
            f"module-cli-protocol-unix socket={pulse}/cli",
            "module-null-sink sink_name=speaker rate=48000 channels=2",
            "module-null-sink sink_name=mic_in rate=48000 channels=1",
            "module-remap-source source_name=mic master=mic_in.monitor",
            f"module-null-sink sink_name=eight_in rate=96000 channels=8 channel_map={_EIGHT}",
            "module-remap-source source_name=eight master=eight_in.monitor",
        )
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        command += [f"--log-target=file:{self.folder}/pulse.log"]
        self._server = self._spawn([*command, *(f"-L{m}" for m in modules)])
        self._await_server()
        self.pactl("set-default-sink", "speaker")
        self.pactl("set-default-source", "mic")
        self.wake("speaker", "mic_in")

    def wake(self, *sinks: str) -> None:
        """Keep these sinks awake from now on; returns when they run."""
        listeners = [self._listener(sink) for sink in sinks]
        for listener in listeners:
            self._keep_alive += [listener, self._drain(listener)]

    def _spawn(
        self, command: list[str], stdin: int | IO[bytes] = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=self.env,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=self._hook,
        )

    def _await_server(self) -> None:
        probe = ["pactl", "--", "info"]
        for _ in range(200):
            if self._server is None or self._server.poll() is not None:
                break
            if subprocess.run(probe, env=self.env, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0:
                return
        log = self.folder / "pulse.log"
        self.stop()
        raise RuntimeError(f"PulseAudio did not start: {log.read_text() if log.exists() else 'no log'}")

    def _listener(self, sink: str) -> subprocess.Popen[bytes]:
        # An idle null sink sleeps for 2 s at a time; a listener that wants 20 ms keeps it awake, once it has noticed.
        listen = ["parec", f"--device={sink}.monitor", "--latency-msec=20", "--raw", "--channels=1", "--rate=8000"]
        return self._spawn(listen, stdout=subprocess.PIPE)

    def _drain(self, listener: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        assert listener.stdout is not None
        with listener.stdout as pipe:
            pipe.read(3200)
            return self._spawn(["cat"], stdin=pipe)

    def running(self) -> bool:
        """True while the server answers."""
        if not (self.folder / "pulse" / "native").exists():
            return False
        return (
            subprocess.run(
                ["pactl", "info"], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=10
            ).returncode
            == 0
        )

    def pactl(self, *arguments: str) -> str:
        """Run `pactl` against this server and return what it prints."""
        done = subprocess.run(
            ["pactl", *arguments], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
        )
        if done.returncode:
            raise RuntimeError(f"pactl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def play(self, wav: Path, sink: str = "mic_in") -> subprocess.Popen[bytes]:
        """Play a file into the microphone (or another sink); the caller waits for it or terminates it."""
        order = [f"--channel-map={_EIGHT}"] if sink == "eight_in" else []
        return self._spawn(["paplay", f"--device={sink}", *order, str(wav)])

    def record(self, raw: Path, source: str = "speaker.monitor", rate_hz: int = 48_000) -> subprocess.Popen[bytes]:
        """Record int16 mono from a source into `raw` until the caller terminates it."""
        return self._spawn(
            [
                "parec",
                f"--device={source}",
                "--latency-msec=20",
                "--raw",
                "--channels=1",
                f"--rate={rate_hz}",
                str(raw),
            ]
        )

    def let_pass(self, seconds: float) -> None:
        """Return when that much sound has gone by."""
        listen = ["parec", "--device=speaker.monitor", "--latency-msec=20", "--raw", "--channels=1", "--rate=8000"]
        with self._spawn(listen, stdout=subprocess.PIPE) as listener:
            assert listener.stdout is not None
            listener.stdout.read(int(seconds * 8000) * 2)
            listener.terminate()

    def unplug(self, source: str = "mic") -> None:
        """Take a microphone away, as if its cable were pulled."""
        rows = [line.split("\t") for line in self.pactl("list", "short", "sources").splitlines()]
        index = next(row[0] for row in rows if row[1] == source)
        rows = [line.split("\t") for line in self.pactl("list", "short", "source-outputs").splitlines()]
        listeners = [row[0] for row in rows if row[1] == index]
        rows = [line.split("\t") for line in self.pactl("list", "short", "modules").splitlines()]
        modules = [row[0] for row in rows if row[1] == "module-remap-source" and f"source_name={source} " in row[2]]
        self.pactl("unload-module", modules[0])
        # The server would move its listeners to another microphone; a pulled cable does not.
        for listener in listeners:
            self._command(f"kill-source-output {listener}")

    def _command(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "pulse" / "cli"))
            connection.sendall(f"{line}\n".encode())
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    def replug(self, source: str = "mic") -> None:
        """Bring it back."""
        self.pactl("load-module", "module-remap-source", f"source_name={source}", f"master={source}_in.monitor")
        if source == "mic":
            self.pactl("set-default-source", "mic")

    def stop(self) -> None:
        """End the server and everything that was started for it; idempotent."""
        for process in [*self._keep_alive, self._server]:
            if process is not None:
                process.terminate()
        for process in [*self._keep_alive, self._server]:
            if process is not None:
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._keep_alive, self._server = [], None
