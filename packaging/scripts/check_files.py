"""Check text files: toml, yaml and json parse; no merge marks, no trailing blanks; each ends with one newline.

Usage: check_files.py FILE... Exits 1 and names each fault. Binary files are passed over.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

PARSERS: dict[str, tuple[Callable[[str], Any], type[Exception]]] = {
    ".toml": (tomllib.loads, tomllib.TOMLDecodeError),
    ".yaml": (yaml.safe_load, yaml.YAMLError),
    ".yml": (yaml.safe_load, yaml.YAMLError),
    ".json": (json.loads, json.JSONDecodeError),
}
MERGE_MARKS = ("<<<<<<< ", ">>>>>>> ")
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".sh", ".cfg", ".desktop", ".spec", ".svg"}


def faults(path: Path) -> list[str]:
    """Return one line per fault of the file, `PATH[:LINE]: what`."""
    if path.suffix not in TEXT:
        return []
    text = path.read_text("utf-8")
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(MERGE_MARKS):
            found.append(f"{path}:{number}: merge mark")
        if line != line.rstrip():
            found.append(f"{path}:{number}: trailing blank")
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        found.append(f"{path}: must end with exactly one newline")
    if path.suffix in PARSERS:
        parse, error = PARSERS[path.suffix]
        try:
            parse(text)
        except error as reason:
            found.append(f"{path}: {reason}")
    return found


def main(argv: list[str]) -> int:
    # A file that git still lists but that was deleted in the working tree has nothing to check.
    found = [fault for name in argv[1:] if Path(name).is_file() for fault in faults(Path(name))]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
