"""What the attacks share: the command as a process, its answer, a script that speaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tmlapp.cli.main import app
from tmlapp.recording.verify import verify

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "tmlapp"]
CLAP = ("run", "--source", "synthetic:clap", "--clock", "fast")


def tmlapp(*arguments: object, env: dict[str, str] | None = None, **changes: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end, which must come within a minute."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        timeout=60,
        check=False,
        **(streams | changes),
    )


def here(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """The same in this process: for attacks that do not need one of their own."""
    words = [str(a) for a in arguments]
    result = CliRunner().invoke(app, words)
    return subprocess.CompletedProcess(words, result.exit_code, result.stdout_bytes, result.stderr_bytes)


def error_of(done: subprocess.CompletedProcess[bytes]) -> dict[str, str]:
    """The three sentences of a verb that failed as it should: on both streams, and no traceback on either."""
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert b"Traceback" not in (done.stderr or b"")
    error: dict[str, str] = json.loads(done.stdout)["error"]
    assert all(error[sentence].strip() for sentence in ("what", "why", "fix"))
    return error


def whole(folder: Path) -> list[Path]:
    """The recordings in `folder`: finished and verified, and beside them nothing unfinished."""
    found = sorted(folder.iterdir())
    assert all(path.suffix == ".mcap" and verify(path).ok for path in found), found
    return found


def script(path: Path, *texts: str) -> str:
    """Address of an endpoint that says `texts`, one every 0.4 s from 0.2 s on."""
    lines = [{"t_s": 0.2 + 0.4 * k, "text": text} for k, text in enumerate(texts)]
    path.write_text(json.dumps(lines), encoding="utf-8")
    return f"scripted:{path}"
