"""Loads a local model and makes sure that it keeps the contract; every check in the order of section 7."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.core.event import Rejection
from tmlapp.core.media import AudioClip
from tmlapp.core.units import TURN_SAMPLES
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_files import check_files, read_recordings, read_states, read_wavs
from tmlapp.endpoints.onnx_graph import Port, check_ports, check_proto, ports
from tmlapp.endpoints.onnx_manifest import Manifest, read_manifest
from tmlapp.endpoints.onnx_prepare import patch_grid
from tmlapp.endpoints.onnx_providers import Choice, choose, open_session
from tmlapp.endpoints.onnx_step import BoundStepper, HostStepper, StepError, Stepper, Tensor
from tmlapp.endpoints.onnx_tasks import TaskReader, placeholders


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel:
    """A model that passed every check, ready to step.

    Attributes:
        wavs: recordings of the phrases, by index in the vocabulary.
        recordings: of texts that may fill a placeholder, by text.
        initial: first values of the states.
        provider: where it really computes.
        rejections: providers that were wished for and do not work here.
        speech: the graph gives sound of its own.
    """

    manifest: Manifest
    tasks: TaskReader
    wavs: dict[int, AudioClip]
    recordings: dict[str, AudioClip]
    initial: dict[str, Tensor]
    session: Any = field(repr=False)
    provider: str
    rejections: tuple[Rejection, ...]
    speech: bool
    task_type: str
    task_params: bool

    @property
    def clips(self) -> dict[str, AudioClip]:
        """Every recording by its text."""
        return self.recordings | {self.manifest.vocabulary[i].text: clip for i, clip in self.wavs.items()}

    def stepper(self) -> Stepper:
        """A fresh memory on the session."""
        if self.provider == "CUDAExecutionProvider":
            return BoundStepper(self.session, self.initial, "cuda")
        return HostStepper(self.session, self.initial)


def load_model(folder: Path, *, threads: int = 1, provider: str = "") -> OnnxModel:
    """The model in `folder`, checked.

    Args:
        folder: holds `manifest.json`.
        threads: of onnxruntime inside one step.
        provider: `cpu` or `cuda` to force one; empty to choose.

    Raises:
        OnnxContractError: the first check that fails.
    """
    import onnxruntime

    manifest = read_manifest(folder)
    check_files(manifest)
    check_proto(manifest, set(manifest.files))
    choice = choose(manifest.providers, provider, known=onnxruntime.get_all_providers())
    session = _session(manifest, choice, threads)
    inputs, outputs = ports(session.get_inputs()), ports(session.get_outputs())
    check_ports(manifest, inputs, outputs)
    check_rates(manifest, inputs, outputs)
    check_vocabulary(manifest, outputs)
    wavs, recordings = read_wavs(manifest), read_recordings(manifest)
    initial = read_states(manifest, inputs, outputs)
    tasks = TaskReader(manifest)
    used = _used_provider(manifest, choice, session, provider)
    rejections = choice.rejections
    if used not in choice.providers[:1]:
        rejections = (*rejections, Rejection(asked=choice.providers[0], granted=used, reason="onnxruntime fell back"))
    model = OnnxModel(
        manifest=manifest,
        tasks=tasks,
        wavs=wavs,
        recordings=recordings,
        initial=initial,
        session=session,
        provider=used,
        rejections=rejections,
        speech="speech" in outputs,
        task_type=inputs["task"].dtype if "task" in inputs else "",
        task_params="task_params" in inputs,
    )
    selftest(model, inputs)
    return model


def _session(manifest: Manifest, choice: Choice, threads: int) -> Any:
    try:
        return open_session(manifest.folder / manifest.model, choice.providers, threads)
    except Exception as error:  # onnxruntime's own exceptions have no common base besides Exception
        why = " ".join(str(error).split())
        raise OnnxContractError(
            "E_ONNX_INVALID", f"onnxruntime refuses {manifest.model}: {why}", manifest.folder / manifest.model
        ) from error


def _used_provider(manifest: Manifest, choice: Choice, session: Any, forced: str) -> str:
    used = str(session.get_providers()[0])
    problem = choice.problem
    if not problem and forced and used != choice.providers[0]:
        problem = f"The provider {forced} was asked for, but onnxruntime gave {used}."
    if problem:
        raise OnnxContractError("E_PROVIDER", problem, manifest.path)
    return used


def check_rates(manifest: Manifest, inputs: dict[str, Port], outputs: dict[str, Port]) -> None:
    """Raises E_RATE where times and sizes of manifest and graph disagree."""

    def wrong(key: str, why: str) -> OnnxContractError:
        return OnnxContractError("E_RATE", f"manifest.json: {key} {why}.", manifest.path)

    if manifest.chunk_ms != 200:
        raise wrong("chunk_ms", f"is {manifest.chunk_ms}, a micro-turn has 200")
    if manifest.audio != "none" and manifest.rate * 200 != TURN_SAMPLES * 1000:
        raise wrong("audio.rate", f"is {manifest.rate}, the microphone track has 16000")
    recorded = manifest.recordings or any(p.wav for p in manifest.vocabulary)
    if ("speech" in outputs or recorded) and manifest.output_rate != 24_000:
        raise wrong("audio.output_rate", f"is {manifest.output_rate}, speech has 24000")
    spec = manifest.frames
    if spec is None:
        return
    if spec.kind == "rgb_u8":
        found = tuple(inputs["frames"].shape)
        asked = (1, spec.count, spec.height, spec.width, 3)
        if found != asked:
            raise wrong("frames", f"gives {list(asked)}, the graph takes {list(found)}")
        return
    if spec.patch_rule == "exact" and (spec.height % 40 or spec.width % 40):
        raise wrong("frames", f"{spec.width} × {spec.height} cannot be cut into patches of 40 × 40")
    if spec.temporal_source == "last_two" and spec.temporal != 2:
        raise wrong("frames.temporal", "must be 2 where temporal_source is last_two")
    rows, columns = patch_grid(spec)
    patches_asked = (1, rows * columns, spec.temporal, 40, 40, 3)
    if tuple(inputs["patches"].shape) != patches_asked:
        raise wrong("frames", f"gives patches {list(patches_asked)}, the graph takes {list(inputs['patches'].shape)}")


def check_vocabulary(manifest: Manifest, outputs: dict[str, Port]) -> None:
    """Raises E_VOCAB where the phrases do not fit each other, the graph or the rules."""

    def wrong(why: str) -> OnnxContractError:
        return OnnxContractError("E_VOCAB", f"manifest.json: vocabulary {why}.", manifest.path)

    size = outputs["say"].shape[1]
    if size != len(manifest.vocabulary):
        raise wrong(f"has {len(manifest.vocabulary)} phrases, the output say has {size}")
    texts = [phrase.text for phrase in manifest.vocabulary]
    if texts[0] != "":
        raise wrong("[0].text must be empty: index 0 means silence")
    for index, phrase in enumerate(manifest.vocabulary[1:], start=1):
        if not phrase.text.strip():
            raise wrong(f"[{index}].text is empty")
        if texts.index(phrase.text) != index:
            raise wrong(f"[{index}].text {phrase.text!r} stands there twice")
        if placeholders(phrase.text) and phrase.wav:
            raise wrong(f"[{index}] has a placeholder and a wav")


def selftest(model: OnnxModel, inputs: dict[str, Port]) -> None:
    """Two steps on zeros, twice: they must work, be finite and agree. Raises E_SELFTEST."""
    path = model.manifest.folder / model.manifest.model
    zeros = {name: port.zeros() for name, port in inputs.items() if not name.startswith("state.")}

    def wrong(why: str) -> OnnxContractError:
        return OnnxContractError("E_SELFTEST", f"The warm-up on silence {why}.", path)

    runs: list[dict[str, Tensor]] = []
    for _ in range(2):
        stepper = model.stepper()
        try:
            stepper.step(zeros)
            outputs = stepper.step(zeros)
        except StepError as error:
            raise wrong(f"failed: {error}") from error
        runs.append(outputs | {f"next.{name}": value for name, value in stepper.states().items()})
    for name, first in runs[0].items():
        if np.issubdtype(first.dtype, np.floating) and not np.isfinite(first).all():
            # A state may well start from infinity (a running minimum); what is said and shown may not.
            if name.startswith("next."):
                continue
            raise wrong(f"gave NaN or Inf in {name}")
        if not np.array_equal(first, runs[1][name]):
            raise wrong(f"gave two different results in {name}")
