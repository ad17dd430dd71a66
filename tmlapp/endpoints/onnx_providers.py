"""Which onnxruntime provider really works here, found out without a word on the terminal."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlapp.core.event import Rejection

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_SHORT = {"cpu": CPU, "cuda": CUDA}
_LIBRARIES = {CUDA: "onnxruntime_providers_cuda", "TensorrtExecutionProvider": "onnxruntime_providers_tensorrt"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Providers to ask for, best first, and what was not granted; `problem` is set where the model cannot run."""

    providers: tuple[str, ...]
    rejections: tuple[Rejection, ...] = ()
    problem: str = ""


def why_not(provider: str) -> str:
    """Why `provider` does not work on this machine; empty if it does.

    onnxruntime lists CUDA wherever it was built with it and complains on the terminal when a library is missing, so
    the driver, a device and the provider's library are tried first.
    """
    import onnxruntime

    if provider not in onnxruntime.get_available_providers():
        return f"this onnxruntime has no {provider}"
    library = _LIBRARIES.get(provider)
    if library is None:
        return ""
    problem = _no_device()
    if problem:
        return problem
    onnxruntime.preload_dlls()
    folder = Path(onnxruntime.__file__).parent / "capi"
    name = f"{library}.dll" if sys.platform == "win32" else f"lib{library}.so"
    return _not_loading(str(folder / name))


def _no_device() -> str:
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return f"there is no NVIDIA driver ({name})"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "the NVIDIA driver finds no device"
    return ""


def _not_loading(library: str) -> str:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return str(error)
    return ""


def choose(
    wanted: Sequence[str],
    forced: str = "",
    *,
    known: Sequence[str],
    reason: Callable[[str], str] = why_not,
) -> Choice:
    """What to ask onnxruntime for.

    Args:
        wanted: `runtime.providers` of the manifest; the CPU is always tried last.
        forced: `cpu`, `cuda` or a provider's full name from the settings; empty to choose freely.
        known: every provider that onnxruntime has a name for.
        reason: why a provider does not work here; empty if it does.
    """
    if forced:
        provider = _SHORT.get(forced.lower(), forced)
        problem = "" if provider == CPU else reason(provider) if provider in known else "there is no such provider"
        if problem:
            return Choice((CPU,), problem=f"The provider {forced} was asked for, but {problem}.")
        return Choice((provider,) if provider == CPU else (provider, CPU))
    if not any(provider in known for provider in wanted):
        return Choice((CPU,), problem=f"runtime.providers names nothing that onnxruntime knows: {', '.join(wanted)}.")
    works: list[str] = []
    rejections: list[Rejection] = []
    for provider in wanted:
        if provider == CPU:
            continue
        problem = reason(provider) if provider in known else "there is no such provider"
        if problem:
            rejections.append(Rejection(asked=provider, granted="", reason=problem))
        else:
            works.append(provider)
    granted = works[0] if works else CPU
    return Choice((*works, CPU), tuple(Rejection(asked=r.asked, granted=granted, reason=r.reason) for r in rejections))


def open_session(model: Path, providers: Sequence[str], threads: int) -> Any:
    """An onnxruntime session with `threads` threads that do not spin while they wait."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Only fatal messages: everything else reaches a person as an error with a code.
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(model), options, providers=list(providers))
