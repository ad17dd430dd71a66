"""`python -m tests.vdesk up|down|env [FOLDER]`: the virtual sound card by hand."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.vdesk.desk import VirtualDesk, missing_tools


def main(arguments: list[str]) -> int:
    """Start, stop or describe the sound card; the exit status says whether it worked."""
    verb = arguments[0] if arguments else "up"
    folder = Path(arguments[1]) if len(arguments) > 1 else Path(tempfile.gettempdir()) / "tmlapp-vdesk"
    desk = VirtualDesk(folder)
    if missing := missing_tools():
        print(f"not installed: {', '.join(missing)} (apt-get install pulseaudio pulseaudio-utils)", file=sys.stderr)
        return 1
    if verb == "up":
        desk.start(die_with_parent=False)
    elif verb == "down":
        if desk.running():
            desk.pactl("exit")
        return 0
    elif verb != "env":
        print(__doc__, file=sys.stderr)
        return 2
    for name, value in desk.settings.items():
        print(f"export {name}={value}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
