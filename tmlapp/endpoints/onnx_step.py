"""One step of the graph: tensors in, tensors out, memory kept in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Tensor = npt.NDArray[Any]
T = TypeVar("T")


class StepError(Exception):
    """onnxruntime refused a step (`E_RUN`)."""


class Stepper(Protocol):
    """Runs the graph; owned by one thread, except `stop`."""

    def step(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run once with `inputs` (all but the states); gives all outputs but the next states.

        Raises:
            StepError: onnxruntime refused; the states are as they were.
        """
        ...

    def states(self) -> dict[str, Tensor]:
        """The memory, by `state.` name without the prefix."""
        ...

    def restore(self, states: Mapping[str, Tensor]) -> None:
        """Replace the memory."""
        ...

    def reset(self) -> None:
        """Memory as at the start of a session."""
        ...

    def stop(self) -> None:
        """Make a running step end soon, with a `StepError`. Any thread."""
        ...


class HostStepper:
    """States in ordinary memory; for the CPU, where binding brings nothing (measured)."""

    def __init__(self, session: Any, initial: Mapping[str, Tensor]) -> None:
        import onnxruntime

        self._session = session
        self._initial = dict(initial)
        self._names: Sequence[str] = [o.name for o in session.get_outputs()]
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = 4
        self.reset()

    def reset(self) -> None:
        self._states = {f"state.{name}": value for name, value in self._initial.items()}

    def states(self) -> dict[str, Tensor]:
        return {name.removeprefix("state."): np.array(value) for name, value in self._states.items()}

    def restore(self, states: Mapping[str, Tensor]) -> None:
        self._states = {f"state.{name}": value for name, value in states.items()}

    def step(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        values = _guarded(lambda: self._session.run(self._names, {**inputs, **self._states}, self._options))
        outputs = dict(zip(self._names, values, strict=True))
        for name in [n for n in outputs if n.startswith("next.")]:
            self._states["state." + name.removeprefix("next.")] = outputs.pop(name)
        return outputs

    def stop(self) -> None:
        self._options.terminate = True


class BoundStepper:
    """States stay on the device (`cuda`); only what is said and diagnosed is copied back."""

    def __init__(self, session: Any, initial: Mapping[str, Tensor], device: str) -> None:
        import onnxruntime

        self._session = session
        self._initial = dict(initial)
        self._device = device
        self._names: Sequence[str] = [o.name for o in session.get_outputs()]
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = 4
        self._value: Callable[[Tensor], Any] = lambda array: onnxruntime.OrtValue.ortvalue_from_numpy(array, device, 0)
        self.reset()

    def reset(self) -> None:
        self.restore(self._initial)

    def restore(self, states: Mapping[str, Tensor]) -> None:
        self._states = {f"state.{name}": self._value(value) for name, value in states.items()}

    def states(self) -> dict[str, Tensor]:
        return {name.removeprefix("state."): np.array(v.numpy()) for name, v in self._states.items()}

    def step(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return _guarded(lambda: self._run(inputs))

    def _run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for name, value in self._states.items():
            binding.bind_ortvalue_input(name, value)
        for name in self._names:
            binding.bind_output(name, self._device if name.startswith("next.") else "cpu")
        self._session.run_with_iobinding(binding, self._options)
        values = dict(zip(self._names, binding.get_outputs(), strict=True))
        for name in [n for n in values if n.startswith("next.")]:
            self._states["state." + name.removeprefix("next.")] = values.pop(name)
        return {name: value.numpy() for name, value in values.items()}

    def stop(self) -> None:
        self._options.terminate = True


def _guarded(run: Callable[[], T]) -> T:
    try:
        return run()
    except Exception as error:  # onnxruntime's own exceptions have no common base besides Exception
        raise StepError(" ".join(str(error).split())) from error
