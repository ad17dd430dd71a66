"""What is looked at is what is judged: the place one goes to on the timeline chooses the question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmlapp.core.units import NS_PER_S
from tmlapp.ui.judge.model import Asked

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace


class Asking:
    """Chooses the question of the judging panel; nothing moves by it. Where there is none, the one asked stays."""

    def __init__(self, page: ReviewWorkspace) -> None:
        self._page = page

    def follow_lanes(self) -> None:
        """Listen to the lanes of the recording that was opened."""
        lanes = self._page.lanes
        # A click counts also where the span had the focus before: another question may be asked by now.
        for signal in (lanes.expectations.selected, lanes.expectations.clicked):
            signal.connect(lambda key: self._ask(self._named(key)))
        for signal in (lanes.grades.selected, lanes.grades.clicked):
            signal.connect(lambda key: self._ask(self._named(key) or self._named("")))
        for signal in (lanes.outputs.selected, lanes.outputs.clicked):
            signal.connect(self._output)

    def about_output(self, t_ns: int) -> None:
        """Ask about what the model said at `t_ns`."""
        path = self._page.path
        if path is not None:
            self._ask(self._page.judge.state.question_at(t_ns / NS_PER_S, path, said=True))

    def _output(self, key: str) -> None:
        span = self._page.lanes.outputs.current_span
        if key and span is not None:
            self.about_output(span.start_ns)

    def _named(self, key: str) -> Asked:
        path = self._page.path
        return None if path is None else self._page.judge.state.question_named(key, path)

    def _ask(self, question: Asked) -> None:
        judge = self._page.judge
        if question is not None and question is not judge.state.current:
            judge.state.choose(question)
            judge.refresh()
