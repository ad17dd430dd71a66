"""Try it: plays the item into endpoints and shows what came of it (placeholder until the runner is there)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmlapp.ui.items.tried import TryRow
from tmlapp.ui.timeline.spans import Span

if TYPE_CHECKING:
    from tmlapp.ui.items.workspace import ItemsWorkspace


class Trying:
    def __init__(self, page: ItemsWorkspace) -> None:
        self._page = page
        self.running = False

    @property
    def address(self) -> str:
        return (self._page.memory.endpoints or (self._page.host.settings.endpoint,))[0]

    def rows(self) -> tuple[TryRow, ...]:
        return ()

    def spans(self) -> list[Span]:
        return []

    def read_tries(self) -> None: ...
    def start(self) -> None: ...
    def ask(self) -> None: ...
    def shut(self) -> None: ...
