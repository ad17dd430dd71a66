"""One recorded session, replayed in every way that there is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.traces.by_codec import CodecRun
from tests.traces.by_socket import socket_faults
from tests.traces.checks import unknown_in
from tests.traces.dialects import spoken_in
from tests.traces.lines import Fault, read_trace


@dataclass(slots=True)
class Report:
    """What was replayed and what was wrong.

    Attributes:
        unknown: kinds of frames that were logged as unknown, with their counts.
    """

    kind: str = ""
    received: int = 0
    sent: int = 0
    sockets: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    def __iadd__(self, other: Report) -> Report:
        self.received += other.received
        self.sent += other.sent
        self.sockets += other.sockets
        self.unknown += other.unknown
        self.faults += other.faults
        return self

    def summary(self) -> str:
        """Its counts, in words."""
        names = ", ".join(sorted(self.unknown))
        unknown = f"{self.unknown.total()} of unknown kinds{f' ({names})' if names else ''}"
        return (
            f"{self.received} frames received, {self.sent} sent, {unknown}, "
            f"{self.sockets} replayed over sockets, {len(self.faults)} faults"
        )


def replay(path: Path, *, socket: bool = True) -> Report:
    """Replay the recording in `path`; whatever is wrong is in the report."""
    trace = read_trace(path)
    report = Report(received=len(trace.received), sent=len(trace.sent), faults=list(trace.faults))
    if not trace.received:
        return report
    spoken = spoken_in(trace)
    if spoken is None:
        report.faults.append(Fault(trace.steps[0].line, "speaks no protocol that is known here"))
        return report
    report.kind = spoken.dialect.kind
    run = CodecRun(trace, spoken)
    report.faults += run.faults
    report.unknown.update(unknown_in(run.told))
    faults = socket_faults(trace, spoken) if socket else None
    if faults is not None:
        report.faults += [fault for fault in faults if fault not in run.faults]
        report.sockets = 1
    report.faults.sort()
    return report
