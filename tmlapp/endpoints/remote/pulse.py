"""Pings: what the network alone takes, and whether anybody is there at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from tmlapp.endpoints.remote.contract import Patience
from tmlapp.endpoints.remote.link import Link


async def beat(link: Link, patience: Patience, granted: asyncio.Event, answered: Callable[[int], None]) -> None:
    """Ping as soon as the session is granted, and then for ever; `answered` gets each round trip in ns.

    Raises:
        TimeoutError: a ping had no answer for `patience.pong_s`.
        LinkClosedError: the connection is over.
    """
    with suppress(TimeoutError):
        # While a service keeps us in its queue, nothing but pings tells that it is there.
        await asyncio.wait_for(granted.wait(), patience.ping_every_s)
    while True:
        async with asyncio.timeout(patience.pong_s):
            rtt_s = await link.ping()
        answered(round(rtt_s * 1e9))
        await asyncio.sleep(patience.ping_every_s)
