"""`tmlapp devices`: what there is to hear, see and speak with."""

from __future__ import annotations

from rich.table import Table

from tmlapp.cli.common import Json, emit, err, out, reported


def command(as_json: Json = False) -> None:
    """List microphones, cameras and loudspeakers by the names that settings and plans take."""
    from tmlapp.capture.devices import list_devices

    with reported(as_json):
        found = list_devices()
        if as_json:
            emit(found.to_json())
            return
        if found.problem:
            err().print(found.problem, markup=False)
        for kind in ("microphones", "cameras", "loudspeakers"):
            devices = found.to_json()[kind]
            table = Table(title=kind.capitalize(), title_justify="left", box=None)
            if not devices:
                out().print(f"{kind.capitalize()}: none found")
                continue
            for column in devices[0]:
                table.add_column(column.replace("_", " "))
            for device in devices:
                table.add_row(*(str(v) for v in device.values()))
            out().print(table)
