"""`tmlapp export`: a recording, or a stretch of it, as files that other tools open."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.common import Json, emit, err, out, reported

_SECONDS = {"min": 0.0, "max": 1e6}


def command(
    recording: Annotated[Path, typer.Argument(help="A finished recording (.mcap).")],
    to: Annotated[
        str,
        typer.Option(help="folder, or the file to write: its name tells the format (clip.mp4, x.wav, x.TextGrid …)."),
    ] = "folder",
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="New or empty folder; left out: beside the file.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="folder, mp4, wav, vtt, textgrid, eaf, csv or html; else by the name.")
    ] = "",
    from_s: Annotated[float, typer.Option("--from", help="Where it begins, in seconds.", **_SECONDS)] = 0.0,
    until_s: Annotated[
        float | None, typer.Option("--until", help="Where it ends, in seconds; left out: the end.", **_SECONDS)
    ] = None,
    sound: Annotated[
        str, typer.Option(help="Of mp4, wav and html: mix, mic, model, heard or stereo (you left, the model right).")
    ] = "mix",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Export a recording for other tools."""
    from tmlapp.bench.review.exports import FORMATS, SOUNDS, export_recording, format_of
    from tmlapp.core.units import s_to_ns

    names = [f.name for f in FORMATS]
    if format_ and format_.lower() not in names:
        raise typer.BadParameter(f"{format_!r} is not known; there is: {', '.join(names)}", param_hint="--format")
    chosen_sound = next((s for s in SOUNDS if s == sound), None)
    if chosen_sound is None:
        raise typer.BadParameter(f"{sound!r} is not known; there is: {', '.join(SOUNDS)}", param_hint="--sound")
    # `--to mp4` names a format, `--to clip.mp4` a file.
    if to.lower() in names and not Path(to).suffix:
        format_, target = format_ or to.lower(), None
    elif not format_ and not Path(to).suffix:
        raise typer.BadParameter(f"{to!r} is not known; there is: {', '.join(names)}, or a file", param_hint="--to")
    else:
        target = Path(to)
    with reported(as_json):
        chosen = format_of(target or recording, format_)
        if chosen.name == "folder":
            if from_s or until_s is not None:
                raise typer.BadParameter("A folder holds the whole recording.", param_hint="--from, --until")
            path = out_dir or target or recording.with_suffix("")
        else:
            path = (out_dir or recording.parent) / f"{recording.stem}{chosen.suffix}" if target is None else target
        files = export_recording(
            recording,
            path,
            format=chosen.name,
            start_ns=s_to_ns(from_s),
            end_ns=None if until_s is None else s_to_ns(until_s),
            sound=chosen_sound,
            force=force,
            progress=_Shown(quiet=as_json or not sys.stderr.isatty()),
        )
        if as_json:
            folder = {"folder": str(path)} if chosen.name == "folder" else {}
            emit({**folder, "files": [str(f) for f in files]})
        else:
            for file in files:
                out().print(str(file), markup=False)


class _Shown:
    """How far it is, in one line of the terminal that is written over."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._last = -1

    def __call__(self, share: float) -> None:
        percent = int(100 * share)
        if self._quiet or percent == self._last:
            return
        self._last = percent
        err().print(f"{percent:3d} %", end="\n" if percent >= 100 else "\r", markup=False)
