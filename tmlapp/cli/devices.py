"""`tmlapp devices`: what there is to hear, see and speak with."""

from __future__ import annotations

from dataclasses import asdict

from rich.table import Table

from tmlapp.cli.common import Json, emit, out, reported


def command(as_json: Json = False) -> None:
    """List microphones, cameras and loudspeakers by the names that settings and plans take."""
    from tmlapp.capture.devices import list_devices

    with reported(as_json):
        found = asdict(list_devices())
        if as_json:
            emit(found)
            return
        for kind, devices in found.items():
            table = Table(title=kind.capitalize(), title_justify="left", box=None)
            if not devices:
                out().print(f"{kind.capitalize()}: none found")
                continue
            for column in devices[0]:
                table.add_column(column.replace("_", " "))
            for device in devices:
                table.add_row(*(str(v) for v in device.values()))
            out().print(table)
