from __future__ import annotations

import pytest

from tests.bench.agent_calls import KEY


@pytest.fixture
def agent_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of a background agent, and no proxy between it and a server on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TEST_KEY", KEY)
