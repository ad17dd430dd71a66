"""Work beside the window's thread, for one page: a long job of its own does not keep other pages waiting."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tmlapp.core.errors import AppError
from tmlapp.ui.controller import fault
from tmlapp.ui.workspace import Host

T = TypeVar("T")


class Aside:
    """Runs jobs on `threads` threads, and what follows on the window's thread."""

    def __init__(self, host: Host, threads: int) -> None:
        self._host = host
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="review")
        self._tasks: set[asyncio.Task[None]] = set()
        self._shut = False

    def work(
        self, job: Callable[[], T], done: Callable[[T], object], failed: Callable[[AppError], object] | None = None
    ) -> None:
        """As `Host.work`."""
        if self._shut:
            return
        task = self._host.loop.create_task(self._work(job, done, failed or self._host.show_error))
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def shut(self) -> None:
        """Nothing more is done; what runs already comes to nothing."""
        self._shut = True
        for task in list(self._tasks):
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(
        self, job: Callable[[], T], done: Callable[[T], object], failed: Callable[[AppError], object]
    ) -> None:
        try:
            result = await self._host.loop.run_in_executor(self._threads, job)
        except AppError as error:
            if not self._shut:
                failed(error)
            return
        if not self._shut:
            done(result)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        logging.getLogger(__name__).error("work for Review failed", exc_info=error)
        self._host.show_error(fault(error))
