"""The model folder under test; the repository root is made importable for the model's own scripts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def model_dir() -> Path:
    return ROOT / "models" / "tiny"
