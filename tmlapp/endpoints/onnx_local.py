"""Local ONNX models as endpoints: `onnx:tiny`, `onnx:/path/to/folder`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from tmlapp.config.paths import models_dir
from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.event import Granted, Rejection
from tmlapp.endpoints.asked import refuse_history, tool_rejections
from tmlapp.endpoints.onnx_contract import OnnxModel, load_model
from tmlapp.endpoints.onnx_current import CurrentTask
from tmlapp.endpoints.onnx_duplex import OnnxDuplex
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_hearing import check_hearing, details, listens
from tmlapp.endpoints.registry import EndpointOptions, endpoint


@endpoint("onnx")
def onnx_endpoint(target: str, options: EndpointOptions) -> OnnxEndpoint:
    """`target` is the name of a shipped model or a folder."""
    return OnnxEndpoint(f"onnx:{target}", model_folder(target), threads=options.threads, keep=options.keep)


def model_folder(target: str) -> Path:
    """Folder of the shipped model `target`, or `target` itself as a path.

    Raises:
        OnnxContractError: E_MANIFEST_MISSING for a bare name that is neither.
    """
    path = Path(target).expanduser()
    if len(path.parts) != 1 or path.is_absolute():
        return path
    shipped = sorted(manifest.parent.name for manifest in models_dir().glob("*/manifest.json"))
    if target in shipped:
        return models_dir() / target
    if not path.is_dir():
        names = ", ".join(f"onnx:{name}" for name in shipped)
        raise OnnxContractError(
            "E_MANIFEST_MISSING",
            f"There is neither a shipped model nor a folder named {target}.",
            path,
            fix=f"Use a shipped model ({names}) or the path of a model's folder.",
        )
    return path


class OnnxEndpoint:
    """A model folder in the contract of docs/local-onnx-model.md.

    With `keep`, the model is loaded once and serves session after session (one at a time), until its files change.
    """

    def __init__(self, address: str, folder: Path, *, threads: int = 1, keep: bool = False) -> None:
        self._address = address
        self._folder = folder
        self._threads = threads
        self._keep = keep
        self._lock = threading.Lock()
        self._checked: tuple[object, OnnxModel] | None = None

    @property
    def address(self) -> str:
        return self._address

    @property
    def local(self) -> bool:
        return True

    @property
    def host(self) -> str:
        return ""

    def check(self, instruction: str) -> None:
        """Load the model as `open` will and read the instruction.

        Raises:
            OnnxContractError: with the code of the contract.
        """
        with self._lock:
            kept = self._checked if self._keep else None
        if kept is None or kept[0] != self._fingerprint(kept[1]):
            model = load_model(self._folder, threads=self._threads)
            check_hearing(model.manifest)
            kept = self._fingerprint(model), model
        CurrentTask(kept[1].tasks, instruction, self._folder)
        with self._lock:
            self._checked = kept

    def open(self, setup: EndpointSetup, sink: EventSink) -> OnnxDuplex:
        """Options: `provider` (`cpu`, `cuda`), `state` (a file of `save_state`), `hearing` (`on`, `off`).

        Raises:
            AppError: the session has turns that lie before it; an option is unknown.
            OnnxContractError: with the code of the contract.
        """
        refuse_history(setup, self._address)
        model = self._ready(setup.options)
        if listens(model.manifest, setup.options):
            check_hearing(model.manifest)
        return OnnxDuplex(model, setup, sink, self._granted(model, setup))

    def _ready(self, options: Mapping[str, str]) -> OnnxModel:
        provider = options.get("provider", "")
        with self._lock:
            checked = self._checked
            if not self._keep:
                self._checked = None
        # The model of a check just before is used once: a session owns its model, and files may change.
        if checked is not None and not provider and checked[0] == self._fingerprint(checked[1]):
            return checked[1]
        return load_model(self._folder, threads=self._threads, provider=provider)

    def _fingerprint(self, model: OnnxModel) -> object:
        found = []
        for name in ("manifest.json", *model.manifest.files):
            path = self._folder / name
            status = path.stat() if path.exists() else None
            found.append((name, status and (status.st_size, status.st_mtime_ns, status.st_ino)))
        return tuple(found)

    def _granted(self, model: OnnxModel, setup: EndpointSetup) -> Granted:
        manifest = model.manifest
        heard = ("audio",) if manifest.audio != "none" else ()
        seen = ("video",) if manifest.frames is not None else ()
        told = ("text",) if manifest.task.kind != "none" else ()
        sounds = model.speech or model.clips or setup.synthesize is not None
        rejections = (*model.rejections, *tool_rejections(setup, manifest.name))
        if manifest.task.kind == "none" and setup.instruction.strip():
            reason = f"{manifest.name} does one thing and takes no instruction."
            rejections = (*rejections, Rejection(asked=setup.instruction, granted="", reason=reason))
        return Granted(
            endpoint=self._address,
            name=manifest.name,
            local=True,
            modalities_in=(*heard, *seen, *told),
            modalities_out=("text", "audio") if sounds else ("text",),
            acknowledges_units=True,
            clock_kind="session",
            provider=model.provider,
            rejections=rejections,
            details={
                "version": manifest.version,
                "licence": manifest.licence,
                "manifest_sha256": manifest.sha256,
                "model_sha256": manifest.files[manifest.model][0],
                "threads": self._threads,
                "task_kind": manifest.task.kind,
                "task_options": list(manifest.task.options),
                **details(manifest, setup.options),
                "understands": model.tasks.examples() if manifest.task.kind == "enum" else [],
                "interrupts": manifest.interrupts,
                "max_lag_turns": manifest.max_lag_turns,
            },
        )
