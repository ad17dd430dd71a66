"""Which provider is asked for, and stepping with memory that stays on a device."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.endpoints.minimodel import mini_graph, write_model
from tmlapp.endpoints import onnx_providers
from tmlapp.endpoints.onnx_contract import load_model
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_providers import CPU, CUDA, choose, open_session, why_not
from tmlapp.endpoints.onnx_step import BoundStepper, HostStepper, StepError, Tensor

pytestmark = pytest.mark.unit

KNOWN = (CUDA, "CoreMLExecutionProvider", CPU)
INPUTS: dict[str, Tensor] = {
    "audio": np.zeros((1, 3200), np.float32),
    "frames": np.full((1, 2, 24, 32, 3), 255, np.uint8),
    "task": np.array([1]),
}


def broken(provider: str) -> str:
    return f"no {provider} here"


def test_the_cpu_comes_last_wherever_it_stands() -> None:
    choice = choose([CPU, CUDA], known=KNOWN, reason=lambda _: "")
    assert choice.providers == (CUDA, CPU)
    assert not choice.rejections


def test_what_does_not_load_is_not_asked_for_and_said() -> None:
    choice = choose([CUDA, "AbacusExecutionProvider", CPU], known=KNOWN, reason=broken)
    assert choice.providers == (CPU,)
    assert [(r.asked, r.granted, r.reason) for r in choice.rejections] == [
        (CUDA, CPU, f"no {CUDA} here"),
        ("AbacusExecutionProvider", CPU, "there is no such provider"),
    ]


def test_a_model_for_the_gpu_alone_still_runs_on_the_cpu_and_says_so() -> None:
    choice = choose([CUDA], known=KNOWN, reason=broken)
    assert (choice.providers, choice.problem) == ((CPU,), "")
    assert choice.rejections


def test_a_model_for_providers_that_nobody_knows_is_refused() -> None:
    assert "Abacus" in choose(["AbacusExecutionProvider"], known=KNOWN, reason=broken).problem


@pytest.mark.parametrize(
    ("forced", "works", "providers"),
    [
        ("cpu", False, (CPU,)),
        ("CUDA", True, (CUDA, CPU)),
        ("CoreMLExecutionProvider", True, ("CoreMLExecutionProvider", CPU)),
    ],
)
def test_a_forced_provider_is_the_first(forced: str, works: bool, providers: tuple[str, ...]) -> None:
    choice = choose([CPU], forced, known=KNOWN, reason=lambda _: "" if works else "broken")
    assert (choice.providers, choice.problem) == (providers, "")


@pytest.mark.parametrize("forced", ["cuda", "abacus"])
def test_a_forced_provider_that_does_not_work_is_a_problem(forced: str) -> None:
    assert f"The provider {forced} was asked for" in choose([CPU], forced, known=KNOWN, reason=broken).problem


def test_a_provider_that_this_build_lacks() -> None:
    assert "has no DmlExecutionProvider" in why_not("DmlExecutionProvider")
    assert why_not(CPU) == ""


class Driver:
    """Stands in for the driver library of a machine with `devices` GPUs."""

    def __init__(self, devices: int) -> None:
        self._devices = devices

    def cuInit(self, flags: int) -> int:  # noqa: N802 - the driver's own name
        return 0

    def cuDeviceGetCount(self, count: object) -> int:  # noqa: N802 - the driver's own name
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = self._devices  # type: ignore[arg-type]
        return 0


@pytest.mark.skipif(CUDA not in onnxruntime.get_available_providers(), reason="this onnxruntime was built without CUDA")
@pytest.mark.parametrize(
    ("devices", "library", "says"),
    [(None, True, "no NVIDIA driver"), (0, True, "no device"), (1, False, "libcublas"), (1, True, "")],
)
def test_cuda_needs_driver_device_and_libraries(
    monkeypatch: pytest.MonkeyPatch, devices: int | None, library: bool, says: str
) -> None:
    def load(name: str) -> object:
        if name in ("libcuda.so.1", "nvcuda.dll"):
            if devices is None:
                raise OSError("not found")
            return Driver(devices)
        if not library:
            raise OSError("libcublasLt.so: cannot open")
        return object()

    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    found = why_not(CUDA)
    assert says in found
    assert bool(says) == bool(found)


def test_onnxruntime_that_falls_back_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_model(tmp_path)

    def cuda_seems_fine(wanted: Sequence[str], forced: str, *, known: Sequence[str]) -> onnx_providers.Choice:
        return choose(wanted, forced, known=known, reason=lambda _: "")

    def only_cpu(model: Path, providers: Sequence[str], threads: int) -> Any:
        return open_session(model, [CPU], threads)

    monkeypatch.setattr("tmlapp.endpoints.onnx_contract.choose", cuda_seems_fine)
    monkeypatch.setattr("tmlapp.endpoints.onnx_contract.open_session", only_cpu)
    model = load_model(folder)
    assert [(r.asked, r.granted, r.reason) for r in model.rejections] == [(CUDA, CPU, "onnxruntime fell back")]
    with pytest.raises(OnnxContractError, match="E_PROVIDER"):
        load_model(folder, provider="cuda")


def test_memory_on_a_device_gives_the_same_as_memory_here(tmp_path: Path) -> None:
    model = load_model(write_model(tmp_path))
    here, there = HostStepper(model.session, model.initial), BoundStepper(model.session, model.initial, "cpu")
    for _ in range(3):
        first, second = here.step(INPUTS), there.step(INPUTS)
        assert first.keys() == second.keys() == {"say", "diag.activity"}
        assert all(np.array_equal(first[name], second[name]) for name in first)
    assert here.states()["count"].tolist() == there.states()["count"].tolist() == [[3.0]]
    for stepper in (here, there):
        stepper.restore({**model.initial, "count": np.full((1, 1), 7, np.float32)})
        stepper.step(INPUTS)
        assert stepper.states()["count"].tolist() == [[8.0]]
        stepper.reset()
        assert stepper.states()["count"].tolist() == [[0.0]]


@pytest.mark.parametrize("bound", [False, True])
def test_a_refused_step_leaves_the_memory_as_it_was(tmp_path: Path, bound: bool) -> None:
    model = load_model(write_model(tmp_path, graph=mini_graph(fragile=True)))
    stepper = BoundStepper(model.session, model.initial, "cpu") if bound else model.stepper()
    stepper.step(INPUTS)
    with pytest.raises(StepError):
        stepper.step(INPUTS | {"audio": np.full((1, 3200), 2.0, np.float32)})
    assert stepper.states()["count"].tolist() == [[1.0]]


@pytest.mark.parametrize("bound", [False, True])
def test_a_stopped_model_steps_no_more(tmp_path: Path, bound: bool) -> None:
    model = load_model(write_model(tmp_path))
    stepper = BoundStepper(model.session, model.initial, "cpu") if bound else model.stepper()
    stepper.stop()
    with pytest.raises(StepError):
        stepper.step(INPUTS)


def test_a_model_on_cuda_keeps_its_memory_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(write_model(tmp_path))
    made: list[str] = []

    def bound(_session: Any, _initial: Any, device: str) -> None:
        made.append(device)

    monkeypatch.setattr("tmlapp.endpoints.onnx_contract.BoundStepper", bound)
    replace(model, provider=CUDA).stepper()
    assert made == ["cuda"]
