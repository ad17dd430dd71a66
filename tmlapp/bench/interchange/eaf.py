"""ELAN annotation files (EAF 3.0), written.

ELAN's times are whole milliseconds. The exact ones stand beside them: each tier has a child tier `<name> exact` (type
`tmlapp-exact`) in which every annotation holds begin and end in seconds to the nanosecond. A reader takes an exact
edge as long as the millisecond that it was written with is still there; an edge that somebody moved in ELAN counts as
it was moved. A moment lasts one millisecond there, and its exact value is a single number.
"""

from __future__ import annotations

import mimetypes
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from tmlapp.bench.interchange.textfiles import write_text
from tmlapp.bench.interchange.tiers import Span, Tiers, fitted, seconds_text
from tmlapp.core.units import NS_PER_MS

EXACT_TYPE = "tmlapp-exact"
PLAIN_TYPE = "tmlapp"
END_PROPERTY = "tmlapp.end_s"
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_CONSTRAINTS = (
    ("Time_Subdivision", "Time subdivision of parent annotation's time interval, no time gaps allowed"),
    ("Symbolic_Subdivision", "Symbolic subdivision of a parent annotation, in order"),
    ("Symbolic_Association", "1-1 association with a parent annotation"),
    ("Included_In", "Time alignable annotations within the parent annotation's time interval, gaps are allowed"),
)  # fmt: skip


def write_eaf(path: Path, tiers: Tiers, *, when: datetime | None = None, force: bool = False) -> Path:
    """Write `tiers` for ELAN; what overlaps is spread over further tiers (`name 2`).

    Args:
        when: the date in the file; now if left out.

    Raises:
        AppError: the file is there already and `force` is false, or it cannot be written.
    """
    return write_text(path, eaf_text(tiers, when=when), force=force)


def in_ms(t0_ns: int, t1_ns: int) -> tuple[int, int]:
    """The whole milliseconds that a span is written with: nearest ones, none before 0, at least one long."""
    begin = max(0, _ms(t0_ns))
    return begin, max(begin + 1, _ms(t1_ns))


def _ms(t_ns: int) -> int:
    return (t_ns + NS_PER_MS // 2) // NS_PER_MS


def exact_text(span: Span, points: bool) -> str:
    """What stands in the child tier."""
    first = seconds_text(span.t0_ns)
    return first if points else f"{first} {seconds_text(span.t1_ns)}"


def eaf_text(tiers: Tiers, *, when: datetime | None = None) -> str:
    """The file as text. Characters that XML cannot hold become U+FFFD."""
    laid = fitted(tiers, room=lambda span: in_ms(span.t0_ns, span.t1_ns))
    total = sum(len(tier.spans) for tier in laid.tiers)
    taken = set(laid.names)
    slots: list[int] = []
    body: list[str] = []
    done = 0
    for tier in laid.tiers:
        body.append(f"    <TIER LINGUISTIC_TYPE_REF={quoteattr(PLAIN_TYPE)} TIER_ID={_attribute(tier.name)}>")
        for n, span in enumerate(tier.spans, start=done + 1):
            slots += in_ms(span.t0_ns, span.t1_ns)
            refs = f'TIME_SLOT_REF1="ts{2 * n - 1}" TIME_SLOT_REF2="ts{2 * n}"'
            body += _annotation("ALIGNABLE_ANNOTATION", n, refs, span.text)
        body.append("    </TIER>")
        name = f"{tier.name} exact"
        while name in taken:
            name += "'"
        taken.add(name)
        body.append(
            f"    <TIER LINGUISTIC_TYPE_REF={quoteattr(EXACT_TYPE)} PARENT_REF={_attribute(tier.name)} "
            f"TIER_ID={_attribute(name)}>"
        )
        for n, span in enumerate(tier.spans, start=done + 1):
            refs = f'ANNOTATION_REF="a{n}"'
            body += _annotation("REF_ANNOTATION", total + n, refs, exact_text(span, tier.points))
        body.append("    </TIER>")
        done += len(tier.spans)
    order = [f'        <TIME_SLOT TIME_SLOT_ID="ts{n}" TIME_VALUE="{t}"/>' for n, t in enumerate(slots, start=1)]
    head = _head(tiers, 2 * total, when or datetime.now(UTC))
    return "\n".join([*head, "    <TIME_ORDER>", *order, "    </TIME_ORDER>", *body, *_tail()]) + "\n"


def _annotation(kind: str, number: int, refs: str, text: str) -> list[str]:
    return [
        "        <ANNOTATION>",
        f'            <{kind} ANNOTATION_ID="a{number}" {refs}>',
        f"                <ANNOTATION_VALUE>{_content(text)}</ANNOTATION_VALUE>",
        f"            </{kind}>",
        "        </ANNOTATION>",
    ]


def _content(text: str) -> str:
    # A bare carriage return would be read back as a newline.
    return escape(_NO_XML.sub("\ufffd", text), {"\r": "&#13;"})


def _attribute(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text), {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def _head(tiers: Tiers, last_id: int, when: datetime) -> list[str]:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<ANNOTATION_DOCUMENT AUTHOR="" DATE="{when.astimezone(UTC).isoformat(timespec="seconds")}" FORMAT="3.0" '
        f'VERSION="3.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:noNamespaceSchemaLocation="{_SCHEMA}">',
        '    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
    ]
    for name in tiers.media:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        address = _attribute(f"./{quote(name)}")
        # ELAN looks beside its own file where the absolute address leads nowhere.
        lines.append(f'        <MEDIA_DESCRIPTOR MEDIA_URL={address} MIME_TYPE="{kind}" RELATIVE_MEDIA_URL={address}/>')
    lines.append(f'        <PROPERTY NAME="{END_PROPERTY}">{seconds_text(tiers.end_ns)}</PROPERTY>')
    lines.append(f'        <PROPERTY NAME="lastUsedAnnotationId">{last_id}</PROPERTY>')
    return [*lines, "    </HEADER>"]


def _tail() -> list[str]:
    lines = [
        f'    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="{PLAIN_TYPE}" TIME_ALIGNABLE="true"/>',
        f'    <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" GRAPHIC_REFERENCES="false" '
        f'LINGUISTIC_TYPE_ID="{EXACT_TYPE}" TIME_ALIGNABLE="false"/>',
    ]
    for name, described in _CONSTRAINTS:
        lines.append(f"    <CONSTRAINT DESCRIPTION={quoteattr(described)} STEREOTYPE={quoteattr(name)}/>")
    return [*lines, "</ANNOTATION_DOCUMENT>"]
