"""One check from the folders to the files that it leaves: result.json and index.html."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tmlapp.bench.model_check.figures import RESAMPLES, Failure, Table
from tmlapp.bench.model_check.hearing import run_hearing
from tmlapp.bench.model_check.manifest import NAME
from tmlapp.bench.model_check.options import Options, Progress
from tmlapp.bench.model_check.page import render
from tmlapp.bench.model_check.vision import run_vision
from tmlapp.bench.model_check.vision_clips import read_clips
from tmlapp.bench.report.write import write_page
from tmlapp.capture.media_file import is_there, sha256_of
from tmlapp.core.errors import AppError
from tmlapp.endpoints.onnx_local import model_folder
from tmlapp.endpoints.onnx_manifest import read_manifest
from tmlapp.live.plan import versions

RESULT, PAGE = "result.json", "index.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be checked.

    Attributes:
        endpoint: address of the model.
        clips: folder of annotated clips; None: no vision table.
        clips_manifest: their manifest.csv, where it does not lie in the folder.
        speech: folder of recorded speech; None: the hearing table has the voices of this machine only.
    """

    endpoint: str
    clips: Path | None = None
    clips_manifest: Path | None = None
    speech: Path | None = None
    options: Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came out of a check.

    Attributes:
        model: name, version and digests of the model.
        manifests: sha256 of the lists of what went in.
        machine: where and when it ran; the only part, besides figures marked `timing`, that differs between two checks
            of the same recordings.
    """

    request: Request
    tables: tuple[Table, ...]
    model: Mapping[str, Any]
    manifests: Mapping[str, str]
    machine: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        options = self.request.options
        return {
            "format": "tmlapp-bench-model/1",
            "endpoint": self.request.endpoint,
            "model": dict(self.model),
            "options": {
                "seed": options.seed,
                "only": list(options.only),
                "limit": options.limit,
                "pad_seeds": options.pad_seeds,
                "bootstrap_resamples": RESAMPLES,
            },
            "manifests_sha256": dict(self.manifests),
            "tables": [_table_json(table) for table in self.tables],
            "machine": dict(self.machine),
        }


def run_check(request: Request, progress: Progress) -> Report:
    """Run the parts that `request` asks for.

    Raises:
        AppError: nothing is asked for, or a folder, a file or the endpoint cannot be used.
    """
    options = request.options
    seeing = request.clips is not None and options.wants("vision")
    hearing = [part for part in ("hearing", "echo", "time") if part in options.only]
    if request.speech is not None and not options.only:
        hearing = ["hearing", "echo", "time"]
    if "vision" in options.only and not seeing:
        raise _nothing("The vision table needs clips, and no folder of clips was named.")
    if not seeing and not hearing:
        raise _nothing("Neither a folder of clips nor one of speech was named.")
    if request.speech is not None and not request.speech.is_dir():
        raise AppError(f"There is no folder {request.speech}.", "It should hold the speech.", "Check the name.")
    model = model_facts(request.endpoint)
    began, load = time.monotonic(), _load()
    tables: list[Table] = []
    manifests: dict[str, str] = {}
    if seeing:
        assert request.clips is not None
        clips = read_clips(request.clips, request.clips_manifest, limit=options.limit)
        manifests["clips"] = clips.manifest_sha256
        tables += run_vision(request.endpoint, clips, options, progress)
    if hearing:
        if request.speech is not None and is_there(request.speech / NAME):
            manifests["speech"] = sha256_of(request.speech / NAME)
        tables += run_hearing(request.endpoint, request.speech, options, progress)
    machine = {
        "made_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_s": round(time.monotonic() - began, 1),
        "jobs": options.jobs,
        "cores": os.cpu_count(),
        "load_before": load,
        "note": _busy(load),
        "versions": versions(),
    }
    worst_first = tuple(replace(t, failures=tuple(sorted(t.failures, key=_place))) for t in tables)
    return Report(request=request, tables=worst_first, model=model, manifests=manifests, machine=machine)


def _nothing(why: str) -> AppError:
    return AppError("There is nothing to check.", why, "Name a folder with --clips, with --speech, or both.")


def _place(failure: Failure) -> tuple[float, str]:
    return -failure.badness, failure.name


def _load() -> float | None:
    """How many processes wanted to compute over the last minute, where the system says so."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _busy(load: float | None) -> str:
    cores = os.cpu_count() or 1
    # Below that, one core was free for the model.
    if load is None or load <= cores - 1:
        return ""
    return f"The machine was busy (load {load:g} on {cores} cores): times are longer than on an idle one."


def model_facts(address: str) -> dict[str, Any]:
    """Name, version and digests of the local model at `address`; nothing for an endpoint of another kind.

    Raises:
        AppError: its folder holds no usable manifest.
    """
    scheme, _, target = address.partition(":")
    if scheme != "onnx":
        return {}
    manifest = read_manifest(model_folder(target))
    digest, size = manifest.files[manifest.model]
    return {
        "name": manifest.name,
        "version": manifest.version,
        "licence": manifest.licence,
        "model_sha256": digest,
        "model_bytes": size,
        "manifest_sha256": manifest.sha256,
        "files_bytes": sum(size for _, size in manifest.files.values()),
    }


def _table_json(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "figures": [figure.to_json() for figure in table.figures],
        "failures": [
            {"name": f.name, "why": f.why, "badness": f.badness, "facts": dict(f.facts)} for f in table.failures
        ],
        "rows": [dict(row) for row in table.rows],
        "inputs_sha256": dict(table.inputs),
        "notes": list(table.notes),
    }


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """result.json and index.html in `folder`, which is made; what was there is replaced.

    Raises:
        AppError: they cannot be written.
    """
    result = json.dumps(report.to_json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return write_page(result, folder / RESULT), write_page(render(report.to_json(), report.tables), folder / PAGE)
