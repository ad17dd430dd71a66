"""What a local model is told to do now, and what it goes back to after a pause (contract section 4)."""

from __future__ import annotations

from pathlib import Path

from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_tasks import ELAPSED, Task, TaskReader

PAUSED, GO_ON = "paused", "go_on"
"""Names of options. Where a model has both, the app keeps the task before a pause and gives it again after it."""


class CurrentTask:
    """The task of one session, from its start on.

    Args:
        reader: of the model's rules.
        instruction: with which the session starts; empty to wait for one.
        folder: of the model, for messages.

    Raises:
        OnnxContractError: as `TaskReader.read`; E_TASK_UNSUPPORTED where there is nothing to pause or to go on with.
    """

    def __init__(self, reader: TaskReader, instruction: str, folder: Path) -> None:
        self._reader = reader
        self._folder = folder
        self._kept: Task | None = None
        first = reader.read(instruction)
        if reader.pauses and first.name in (PAUSED, GO_ON):
            raise self._nothing(first)
        self._begin(first.begun(0, 0))

    @property
    def paused(self) -> bool:
        """A task is kept until the person says to go on."""
        return self._kept is not None

    @property
    def waiting(self) -> bool:
        """No task runs, and none is kept: nothing was asked for, or what was is over."""
        return self.task.name == "none" or (self._kept is None and self._over())

    def answered(self, spoke: bool) -> None:
        """One more micro-turn was answered with this task, with a phrase or without."""
        self._turns += 1
        self._said += spoke

    def follow(self, instruction: str, elapsed_ns: int, turn: int) -> Task:
        """Take over what `instruction` says.

        Args:
            instruction: typed or spoken.
            elapsed_ns: from its end to the beginning of micro-turn `turn`.
            turn: the first micro-turn in which the model gets the new task.

        Raises:
            OnnxContractError: the task stays as it is; codes as for the constructor.
        """
        asked = self._reader.read(instruction)
        if self._reader.pauses and asked.name == GO_ON:
            if self._kept is None:
                raise self._nothing(asked)
            self.task, self._kept = self._kept, None
        elif self._reader.pauses and asked.name == PAUSED:
            if self.waiting:
                raise self._nothing(asked)
            self._kept = self._kept or self.task
            self.task = asked.begun(elapsed_ns, turn)
        else:
            self._begin(asked.begun(elapsed_ns, turn))
        return self.task

    def _begin(self, task: Task) -> None:
        self.task, self._kept = task, None
        # Go on through a pause, as in the graph; a memory that was loaded does not hold them.
        self._turns = self._said = 0

    def _over(self) -> bool:
        end, params = self._reader.ends.get(self.task.name), self.task.params
        if end is None:
            return False
        until, period = (sum(params[n] * unit for n, unit in part.items()) for part in (end.until, end.period))
        if until > 0 and until >= period:
            return params.get(ELAPSED, 0.0) + self._turns * TURN_NS / NS_PER_S >= until
        wanted = end.said + (params[end.number] if end.number else 0)
        return wanted > 0 and self._said >= wanted and (not end.number or params[end.number] > 0)

    def _nothing(self, asked: Task) -> OnnxContractError:
        why = "Nothing is paused." if asked.name == GO_ON else "Nothing runs that could be paused."
        return OnnxContractError("E_TASK_UNSUPPORTED", why, self._folder, fix="Give an instruction first.")
