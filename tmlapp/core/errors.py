"""The one error that a person may see."""

from __future__ import annotations


class AppError(Exception):
    """An error with three sentences: what happened, why, and what to do about it.

    Shown alike in the window and in the terminal, without a traceback; the traceback goes to the log file.
    """

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(f"{what} {why} {fix}")
        self.what = what
        self.why = why
        self.fix = fix

    def to_json(self) -> dict[str, str]:
        """The three sentences, for `--json` output and for the log."""
        return {"what": self.what, "why": self.why, "fix": self.fix}
