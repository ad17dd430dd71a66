"""Makes the client and the protocol modules of vllm-omni importable without its engine."""

import importlib.util
import pathlib
import sys
import types


def stub() -> None:
    """Stand in for the packages whose `__init__` would import the engine."""
    root = pathlib.Path(importlib.util.find_spec("vllm_omni").submodule_search_locations[0])
    for name, path in (("vllm_omni", root), ("vllm_omni.clients", root / "clients")):
        module = types.ModuleType(name)
        module.__path__ = [str(path)]
        sys.modules[name] = module
