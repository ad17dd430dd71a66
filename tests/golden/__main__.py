"""`python -m tests.golden FILE…`: do our graders give what golden files expect?

A file is known by its place, `<benchmark>/golden/<file>.json`. One line per mismatch, then a count.
Exit status: 0 all passed, 1 something differs, 2 a file cannot be checked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.golden.checks import Check, all_kinds
from tmlapp.core.errors import AppError


def checks_of(path: Path) -> list[Check]:
    """Everything that the file asks.

    Raises:
        AppError: its kind is not supported, or it is not of the form that its kind has.
    """
    benchmark = path.absolute().parent.parent.name if path.absolute().parent.name == "golden" else ""
    kinds = all_kinds()
    kind = kinds.get((benchmark, path.name))
    if kind is None:
        known = ", ".join(f"{b}/golden/{f}" for b, f in kinds)
        raise AppError(
            f"{path} is of a kind that is not supported yet.", "Kinds are known by their place.", f"Known: {known}."
        )
    try:
        checks = list(kind(json.loads(path.read_text(encoding="utf-8"))))
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        fix = "Compare it with the golden files of the benchmark."
        raise AppError(f"{path} is no golden file of its kind.", f"{type(error).__name__}: {error}.", fix) from error
    if not checks:
        raise AppError(
            f"{path} asks nothing.", "It holds no case.", "Compare it with the golden files of the benchmark."
        )
    return checks


def main(arguments: Sequence[str]) -> int:
    """Check the files named; the exit status."""
    if not arguments or any(a in ("-h", "--help") for a in arguments):
        print(__doc__)
        return 0 if arguments else 2
    passed = failed = unusable = 0
    for name in arguments:
        try:
            checks = checks_of(Path(name))
        except AppError as error:
            print(error, file=sys.stderr)
            unusable += 1
            continue
        for check in checks:
            if check.passed:
                passed += 1
            else:
                failed += 1
                print(f"{name}: {check.where}: expected {check.expected!r}, got {check.actual!r}")
    print(f"{passed} passed, {failed} failed" + (f", {unusable} files could not be checked" if unusable else ""))
    return 2 if unusable else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
