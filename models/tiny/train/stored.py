"""Reads the trained heads back out of an exported graph, so that their weights need no file of their own."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from models.tiny.train.config import HEADS
from models.tiny.train.head import Head

PLAIN = ("lag.0.weight", "lag.0.bias", "lag.2.weight", "lag.2.bias", "mix.0.weight", "mix.0.bias", "out.bias")


def torch_order(values: Tensor) -> Tensor:
    """Gates of a recurrent layer [3H, ...]: ONNX has update, reset, new; torch has reset, update, new."""
    update, reset, new = values.chunk(3)
    return torch.cat([reset, update, new])


def heads_of(path: Path) -> list[Head]:
    """The heads of the model at path, bit for bit; ValueError where it holds other networks than this code has."""
    graph = onnx.load(str(path)).graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    inputs = {node.name.strip("/"): list(node.input) for node in graph.node}
    found = []
    for i in range(HEADS):
        own = f"heads.members.{i}."
        memory = inputs.get(f"heads/members.{i}/memory/GRU")
        out = next((names for name, names in inputs.items() if name.startswith(f"heads/members.{i}/out/MatMul")), None)
        if memory is None or out is None:
            raise ValueError(f"{path.name} has no head number {i + 1}")
        weights = {name: values[own + name] for name in PLAIN}
        weights["memory.weight_ih_l0"] = torch_order(values[memory[1]][0])
        weights["memory.weight_hh_l0"] = torch_order(values[memory[2]][0])
        ours, theirs = values[memory[3]][0].chunk(2)
        weights["memory.bias_ih_l0"], weights["memory.bias_hh_l0"] = torch_order(ours), torch_order(theirs)
        weights["out.weight"] = values[out[1]].T.contiguous()
        head = Head()
        try:
            head.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(f"{path.name} holds heads of another shape: {error}") from error
        found.append(head)
    return found
