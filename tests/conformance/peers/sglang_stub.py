"""Makes the wire modules of sglang-omni importable without its engine, which its package `__init__` would import."""

import importlib.util
import pathlib
import sys
import types


def stub() -> None:
    """Stand in for `sglang_omni.serve.realtime`, so that only its submodules are loaded."""
    root = pathlib.Path(importlib.util.find_spec("sglang_omni").origin).parent
    package = types.ModuleType("sglang_omni.serve.realtime")
    package.__path__ = [str(root / "serve" / "realtime")]
    sys.modules[package.__name__] = package
