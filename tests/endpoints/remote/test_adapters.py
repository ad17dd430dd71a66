"""What holds for every remote kind: no key is shown, close codes have their meaning, its page leads to its options."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from tests.endpoints.remote.family import start
from tests.endpoints.remote.kit import QUICK, Events, Peer, converse, target
from tests.endpoints.remote.test_faults import CLOSES
from tmlapp.core.errors import AppError
from tmlapp.core.event import to_json
from tmlapp.endpoints.registry import dialects
from tmlapp.endpoints.remote.contract import Dialect

pytestmark = pytest.mark.unit

KEY = "marker-key-27182818284590452353"
PAGES = Path(__file__).parents[3] / "docs" / "endpoints"

every_kind = pytest.mark.parametrize("dialect", [pytest.param(d, id=kind) for kind, d in sorted(dialects().items())])


class Closing(Peer):
    """Closes every connection at once, and says why in words that hold the key."""

    def _serve(self, ws: ServerConnection) -> None:
        ws.close(1008, f"bad {KEY}")


def refused(dialect: Dialect, url: str, events: Events) -> str:
    """Everything that anybody could read afterwards."""
    with pytest.raises(AppError) as raised:
        converse(dialect, url, events, key=KEY, patience=QUICK)
    shown = traceback.TracebackException.from_exception(raised.value)
    told: list[Any] = [to_json(event) for event in events.all]
    return "\n".join(["".join(shown.format()), str(raised.value), json.dumps(told), repr(events.all)])


@every_kind
def test_the_key_goes_into_a_header_and_into_no_address(dialect: Dialect) -> None:
    asked = target(dialect, "ws://127.0.0.1:9", key=KEY)
    request = dialect.request(asked, None)
    assert KEY not in request.url
    assert KEY not in repr(request)
    assert KEY not in repr(asked)
    assert any(KEY in value for value in request.headers.values())


@every_kind
def test_a_refusal_that_echoes_the_key_shows_none(dialect: Dialect) -> None:
    events = Events()
    with Peer() as peer:
        peer.refuse = (401, json.dumps({"error": {"message": f"Bad key {KEY}", "code": KEY}}))
        told = refused(dialect, peer.url, events)
        assert any(KEY in value for headers in peer.headers for value in headers.values())
    assert KEY not in told


@every_kind
def test_a_close_that_echoes_the_key_shows_none(dialect: Dialect) -> None:
    with Closing() as peer:
        told = refused(dialect, peer.url, Events())
    assert KEY not in told


@every_kind
@pytest.mark.parametrize("code", [1005, 1006, 1015, *CLOSES])
def test_a_close_code_means_the_same_to_every_kind(dialect: Dialect, code: int) -> None:
    error = dialect.codec(start(dialect)).closed(code, "because")
    expected = {1005: "network", 1006: "network", 1015: "network"}.get(code) or CLOSES[code][0]
    assert (error.kind if error else None) == expected
    if error is not None:
        assert error.message
        assert error.code == str(code)


@every_kind
def test_its_page_says_where_all_of_its_options_are_told(dialect: Dialect) -> None:
    page = (PAGES / f"{dialect.page}.md").read_text("utf-8")
    assert f"tmlapp endpoints kinds {dialect.kind}" in page
    assert ("xperimental" in page) == bool(dialect.experimental)
