"""The second table of `tmlapp bench-model`: hearing, echo and time, whatever of them an endpoint can be asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tmlapp.bench.model_check.echo import EchoRun, canceller_figures, endpoint_figures
from tmlapp.bench.model_check.figures import Failure, Figure, Table
from tmlapp.bench.model_check.hearing_run import HearingRun, figures_of, gather, missing
from tmlapp.bench.model_check.hearing_talk import Unheard, hearing_of
from tmlapp.bench.model_check.hearing_trials import Trial
from tmlapp.bench.model_check.options import Options, Progress
from tmlapp.bench.model_check.timing import Costs, TimingRun, cost_figures, costs, timing_figures
from tmlapp.capture.echo import library_version
from tmlapp.core.endpoint import Synthesizer
from tmlapp.endpoints.registry import endpoint_from_address
from tmlapp.live.voice_engines import voice_for

MOST_FAILURES = 60
"""Shown on the page; all of them stand in the rows."""

_NO_ENGINE = "no speech engine is installed that gives the model a voice for free text"


class SpeechCheck:
    """Everything about one endpoint that has to do with sound and time.

    Raises:
        AppError: the speech folder or the endpoint cannot be used.
    """

    def __init__(self, address: str, speech: Path | None, options: Options, progress: Progress) -> None:
        self._address = address
        self._options = options
        self._progress = progress
        self._endpoints = endpoint_from_address(address, keep=True), endpoint_from_address(address, keep=True)
        self._material = gather(speech, options)
        self._synthesize: Synthesizer | None = voice_for("auto")
        self._deaf = self._why_deaf()

    def tables(self) -> list[Table]:
        """The tables of the parts that are wanted, in the order hearing, echo, time."""
        made = []
        if self._options.wants("hearing"):
            made.append(self.hearing())
        if self._options.wants("echo"):
            made.append(self.echo())
        if self._options.wants("time"):
            made.append(self.time())
        return made

    def hearing(self) -> Table:
        """Task phrases, spoken stops, and speech that asks for nothing."""
        run: list[Trial] = []
        if not self._deaf:
            made = HearingRun(self._endpoints, self._material, self._options, self._progress)
            made.run()
            run = made.trials
        return self._table("Hearing", figures_of(run, self._options.seed), run)

    def echo(self) -> Table:
        """The canceller in rooms, and the model that talks in them."""
        seed = self._options.seed
        run = EchoRun(self._endpoints, self._material, self._options, self._progress)
        if self._synthesize is not None:
            run.canceller(self._synthesize)
            if not self._deaf:
                run.endpoint(self._synthesize)
        figures = [*canceller_figures(run.alone, seed), *endpoint_figures(run, seed)]
        if self._synthesize is None:
            figures = [missing(f, _NO_ENGINE) for f in figures]
        failures = [failure for b in run.barge_ins if (failure := b.failure()) is not None]
        rows = [*(a.row() for a in run.alone), *(b.row() for b in run.barge_ins)]
        return self._table("Echo", figures, run.trials, rows, failures, (f"Canceller: {library_version()}.",))

    def time(self) -> Table:
        """Reminders, and what listening costs."""
        run = TimingRun(self._endpoints[0], self._material, self._options, self._progress, self._synthesize)
        spent = Costs(reason=self._deaf)
        if self._synthesize is not None and self._takes_reminders():
            run.typed()
            if not self._deaf:
                run.spoken()
        if not self._deaf and self._synthesize is not None:
            spent = costs(self._endpoints[0], self._material, self._options, self._synthesize)
        rows = [{"how": r.how, "period_s": r.period_s, "number": r.number, "error_s": r.error_s} for r in run.reminders]
        return self._table("Time", [*timing_figures(run, self._options.seed), *cost_figures(spent)], [], rows)

    def _table(
        self,
        title: str,
        figures: list[Figure],
        trials: list[Trial],
        rows: list[dict[str, Any]] | None = None,
        failures: list[Failure] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Table:
        if self._deaf:
            figures = [f if f.value is not None else replace(f, reason=self._deaf) for f in figures]
        found = [*(failure for t in trials if (failure := t.failure()) is not None), *(failures or [])]
        found.sort(key=lambda f: (-f.badness, f.name))
        return Table(
            title=title,
            figures=tuple(figures),
            failures=tuple(found[:MOST_FAILURES]),
            rows=(*(t.row() for t in trials), *(rows or [])),
            inputs=self._material.inputs,
            notes=(*self._material.sources, *notes),
        )

    def _why_deaf(self) -> str:
        try:
            hearing_of(self._endpoints[0])
        except Unheard as why:
            return str(why)
        return ""

    def _takes_reminders(self) -> bool:
        return not self._deaf or self._address.startswith("onnx:")


def run_hearing(address: str, speech: Path | None, options: Options, progress: Progress) -> list[Table]:
    """See `SpeechCheck.tables`.

    Args:
        speech: a folder with a manifest; None: only what the installed speech engines say.

    Raises:
        AppError: the speech folder or the endpoint cannot be used.
    """
    return SpeechCheck(address, speech, options, progress).tables()
