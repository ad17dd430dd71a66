"""Every test here talks to a program of others: a few seconds, but for the start of that program on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.harness import Validator

HERE = Path(__file__).resolve().parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "conformance: runs programs that others wrote, on loopback")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("conformance")
            item.add_marker(pytest.mark.timeout(60))


@pytest.fixture(scope="session")
def validate() -> Iterator[Validator]:
    """`validate(frames, "openai"|"openai-live"|"gemini"|"sglang", direction="sent")`: faults by the vendors' types."""
    validator = Validator()
    yield validator
    validator.close()
