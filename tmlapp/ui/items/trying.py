"""Try it (T): plays the item into the chosen endpoints, one after another, and shows at once what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_S
from tmlapp.ui.items.memory import save_memory
from tmlapp.ui.items.tried import TryRow
from tmlapp.ui.items.tried_words import row_of_try
from tmlapp.ui.text import tr
from tmlapp.ui.timeline.spans import Span

if TYPE_CHECKING:
    from tmlapp.bench.authoring.trying import Cancel, Progress
    from tmlapp.bench.authoring.trying_tried import Tried, TryLog
    from tmlapp.ui.items.workspace import ItemsWorkspace
    from tmlapp.ui.services import EndpointFacts

DEFAULT_JUDGE = "rules"


class Trying(QObject):
    """One round of tries at a time; they may be called off."""

    moved = Signal(object)

    def __init__(self, page: ItemsWorkspace) -> None:
        super().__init__(page)
        self._page = page
        self._log: TryLog | None = None
        self._cancel: Cancel | None = None
        self._queue: list[str] = []
        self._item = ""
        self._progress: Progress | None = None
        self._stale: dict[str, str] = {}
        self._shown = ""
        self.agreed: set[str] = set()
        self.facts: dict[str, EndpointFacts] = {}
        self.moved.connect(self._on_moved)
        page.model.changed.connect(self._on_changed)

    # ------------------------------------------------------------------ what is chosen

    @property
    def running(self) -> bool:
        return self._cancel is not None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where the item is played, in this order."""
        return self._page.memory.endpoints or (self._page.host.settings.endpoint,)

    @property
    def address(self) -> str:
        """The endpoints in a few words."""
        first, *more = self.endpoints
        return f"{first} +{len(more)}" if more else first

    @property
    def judge(self) -> str:
        return self._page.memory.judge or DEFAULT_JUDGE

    def choose(self, endpoints: tuple[str, ...], judge: str) -> None:
        """Play into these from now on."""
        page = self._page
        page.memory = replace(page.memory, endpoints=endpoints, judge=judge)
        try:
            save_memory(page.memory)
        except AppError as error:
            page.show_error(error)
        page.mirror.show()

    # ------------------------------------------------------------------ what is shown

    def rows(self) -> tuple[TryRow, ...]:
        """The newest try on each endpoint, what runs first."""
        item = self._page.model.item_id
        rows: list[TryRow] = []
        running = self._queue[0] if self._queue and self._item == item else ""
        if self.running and running:
            rows.append(self._running_row(running))
        newest = self._log.newest(item) if self._log is not None else {}
        for endpoint, tried in newest.items():
            if endpoint != running:
                rows.append(row_of_try(tried, stale=tried.is_stale(self._digest(tried)), open_=self._opener(tried)))
        waiting = self._queue[1:] if running else []
        rows += [TryRow(e, tr("waits"), "muted") for e in waiting if e not in newest]
        return tuple(rows)

    def spans(self) -> list[Span]:
        """What the model said in the newest try of this item, on the take's clock."""
        tried = self._newest()
        if tried is None:
            return []
        role = {"used": "good", "extra": "notice"}
        spans = []
        for u in tried.utterances:
            kind = str(u.get("role", ""))
            symbol = {"used": "✓", "extra": "▲"}.get(kind, "")
            end = max(float(u["t1_s"]), float(u["t0_s"]) + 0.2)
            spans.append(
                Span(
                    key=f"said{u['index']}",
                    start_ns=round(float(u["t0_s"]) * NS_PER_S),
                    end_ns=round(end * NS_PER_S),
                    label=str(u["text"]),
                    role=role.get(kind, "model"),  # type: ignore[arg-type]
                    symbol=symbol,
                    hint=f"{tried.endpoint} · {kind}",
                )
            )
        return spans

    def _newest(self) -> Tried | None:
        tries = self._log.of_item(self._page.model.item_id) if self._log is not None else ()
        heard = [t for t in tries if t.take == self._page.model.take_id and not t.error]
        return heard[-1] if heard else None

    def _running_row(self, endpoint: str) -> TryRow:
        progress = self._progress
        if progress is None or progress.phase == "opening":
            return TryRow(endpoint, tr("opening…"), "muted", progress=0.0)
        if progress.phase == "judging":
            return TryRow(endpoint, tr("judging…"), "muted", progress=1.0)
        share = progress.done_s / progress.total_s if progress.total_s else 0.0
        text = tr("{done:.0f} of {total:.0f} s").format(done=progress.done_s, total=progress.total_s)
        return TryRow(endpoint, text, "muted", progress=round(share, 2))

    def _digest(self, tried: Tried) -> str:
        """What the item is now, in the words of `Tried.item_sha256`; once for each state."""
        from tmlapp.bench.authoring.trying import item_sha256

        key = f"{tried.item}/{tried.take}"
        if key not in self._stale:
            try:
                self._stale[key] = item_sha256(self._page.model.state, tried.item, tried.take)
            except (KeyError, ValueError):
                # The take is gone: the try is about something else than what there is now.
                self._stale[key] = ""
        return self._stale[key]

    def _opener(self, tried: Tried) -> Callable[[], object] | None:
        folder = self._page.model.folder
        if not tried.recording or folder is None or not (folder / tried.recording).is_file():
            return None
        path = folder / tried.recording
        return lambda: self._page.host.open_recording(path)

    # ------------------------------------------------------------------ doing it

    def ask(self) -> None:
        """Choose endpoints and judge."""
        from tmlapp.ui.items.try_dialog import TryDialog

        if self._page.model.item is not None:
            TryDialog(self._page).open()

    def start(self) -> None:
        """T: play the item into the chosen endpoints; once more calls it off."""
        page, model = self._page, self._page.model
        if self._cancel is not None:
            self._cancel()
            page.show_note(tr("Called off."))
            return
        if model.item is None or model.take is None or model.folder is None:
            return
        away = [e for e in self.endpoints if (f := self.facts.get(e)) is None or (f.host and f.host not in self.agreed)]
        if away:
            page.host.work(lambda: page.services.endpoint_facts(tuple(away), page.host.settings), self._know)
            return
        self._begin()

    def _know(self, facts: Mapping[str, EndpointFacts]) -> None:
        """Nothing is sent away before the person has agreed to that host."""
        self.facts |= facts
        sent = [f.host for e in self.endpoints if (f := self.facts[e]).host and f.host not in self.agreed]
        if sent:
            self.ask()
        else:
            self._begin()

    def _begin(self) -> None:
        from tmlapp.bench.authoring.trying import Cancel, TryRequest

        page, model = self._page, self._page.model
        if self._cancel is not None or model.item is None or model.take is None or model.folder is None:
            return
        self._cancel = cancel = Cancel()
        self._queue, self._item, self._progress = list(self.endpoints), model.item_id, None
        judges = () if self.judge == "none" else tuple(self.judge.split())
        request = TryRequest(item=model.item_id, take=model.take_id, endpoint=self._queue[0], judges=judges)
        page.show_note("")
        self._next(request, cancel)
        page.mirror.show()

    def _next(self, request: object, cancel: Cancel) -> None:
        from tmlapp.bench.authoring.trying import TryRequest

        assert isinstance(request, TryRequest)
        page, model = self._page, self._page.model
        folder, state = model.folder, model.state
        if not self._queue or folder is None or cancel.asked:
            self._over()
            return
        wanted = replace(request, endpoint=self._queue[0])

        def done(tried: Tried | None) -> None:
            if tried is None:
                self._over()
                return
            self._queue = self._queue[1:]
            self._progress = None
            self.read_tries()
            self._next(wanted, cancel)

        page.host.work(
            lambda: page.services.try_item(state, folder, wanted, self.moved.emit, cancel), done, self._failed
        )

    def _failed(self, error: AppError) -> None:
        self._over()
        self._page.show_error(error)

    def _over(self) -> None:
        self._cancel, self._queue, self._progress = None, [], None
        self._page.mirror.show()

    def _on_moved(self, progress: Progress) -> None:
        if self.running:
            self._progress = progress
            self._page.mirror.show_tried()

    def _on_changed(self) -> None:
        self._stale = {}

    def read_tries(self) -> None:
        """What was tried so far."""
        page, folder = self._page, self._page.model.folder
        if folder is None:
            self._log = None
            return

        def have(log: TryLog) -> None:
            if page.model.folder == folder:
                self._log = log
                page.mirror.show()

        page.host.work(lambda: page.services.read_tries(folder), have)

    def shut(self) -> None:
        if self._cancel is not None:
            self._cancel()
