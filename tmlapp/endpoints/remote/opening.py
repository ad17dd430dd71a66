"""The first steps of a connection: what a server offers, its socket, and who speaks on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeVar

from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError
from tmlapp.endpoints.remote.contract import Codec, Dialect, Patience, Resumption, Start, Target
from tmlapp.endpoints.remote.ends import End
from tmlapp.endpoints.remote.errors import endpoint_error
from tmlapp.endpoints.remote.http import fetch
from tmlapp.endpoints.remote.link import Link, LinkError
from tmlapp.endpoints.remote.outlet import Outlet
from tmlapp.endpoints.remote.threads import in_thread

_T = TypeVar("_T")


class StoppedError(Exception):
    """Nobody wants the conversation any more."""


class LostError(Exception):
    """A connection did not come about; `resumption` is what its codec left, if it came that far."""

    def __init__(self, end: End, resumption: Resumption | None = None) -> None:
        super().__init__(end.reason)
        self.end = end
        self.resumption = resumption


class Stop(asyncio.Event):
    """Set once nobody wants the conversation any more."""

    async def unless(self, work: Awaitable[_T]) -> _T:
        """The result of `work`, which is given up once this is set.

        Raises:
            StoppedError: it was set.
        """
        task = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            stopping.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        raise StoppedError


class Opener:
    """Opens sockets to one target and makes the codecs for them."""

    def __init__(
        self, dialect: Dialect, target: Target, setup: EndpointSetup, outlet: Outlet, patience: Patience, stop: Stop
    ) -> None:
        self._dialect = dialect
        self._target = target
        self._setup = setup
        self._outlet = outlet
        self._patience = patience
        self._stop = stop
        self._prepared: Mapping[str, Any] = {}

    async def prepare(self) -> None:
        """Ask the server what its protocol wants to know before the session, if anything.

        Raises:
            LostError: it does not say.
        """
        prepare = self._dialect.prepare
        if prepare is None:
            return
        asked = in_thread(partial(prepare, self._target, partial(fetch, timeout_s=self._patience.connect_s)))
        try:
            async with asyncio.timeout(self._patience.connect_s):
                self._prepared = await self._stop.unless(asked)
                return
        except TimeoutError:
            error = endpoint_error("timeout", "connect_timeout", "The service did not say in time what it offers.")
            lost = LostError(failed(error))
        except AppError as refusal:
            lost = LostError(refused_end(refusal))
        raise lost

    async def codec(self, link: Link, epoch: int, resumption: Resumption | None) -> Codec:
        """Who speaks on `link`, which is closed where nobody can.

        Raises:
            LostError: what the session asks for cannot be had.
        """
        start = Start(
            target=self._target,
            setup=self._setup,
            epoch=epoch,
            resumption=resumption,
            prepared=self._prepared,
            wall_s=time.time,
        )
        try:
            return self._dialect.codec(start)
        except AppError as refusal:
            lost = LostError(refused_end(refusal))
        except BaseException:
            link.abort()
            raise
        await link.close()
        raise lost

    async def link(self, resumption: Resumption | None) -> Link:
        """An open socket.

        Raises:
            LostError: there is none to be had.
        """
        try:
            if self._dialect.request_for is not None:
                request = self._dialect.request_for(self._target, resumption, self._setup)
            else:
                request = self._dialect.request(self._target, resumption)
        except AppError as error:
            raise LostError(refused_end(error)) from None
        if self._outlet.redactor.text(request.url) != request.url:
            what = "The key would stand in the address."
            raise LostError(failed(endpoint_error("internal", "key_in_url", what)))
        opening = Link.open(request, timeout_s=self._patience.connect_s, redactor=self._outlet.redactor)
        try:
            return await self._stop.unless(opening)
        except LinkError as error:
            failure = error.error
        raise LostError(failed(failure))


def failed(error: EndpointError) -> End:
    """An attempt that came to nothing because of `error`."""
    by: Literal["server", "network"] = "network" if error.kind in ("network", "timeout") else "server"
    return End(error.code, error.message, by, replace(error, fatal=True))


def refused_end(refusal: AppError) -> End:
    """An attempt that our own side refused, in words for a person."""
    return End("config", refusal.what, "us", endpoint_error("config", "refused", refusal.why), app=refusal)
