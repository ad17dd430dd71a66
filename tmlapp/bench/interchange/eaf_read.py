"""ELAN annotation files, read: any of them, with the exact times of those that we wrote (see `eaf`).

Nothing in a file is trusted: one that declares a document type or an entity is refused, so that no other file is read
and no text grows without bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

from tmlapp.bench.interchange.eaf import END_PROPERTY, EXACT_TYPE, in_ms
from tmlapp.bench.interchange.textfiles import LARGEST_BYTES, FormError, refused
from tmlapp.bench.interchange.tiers import LIMIT_S, Span, Tier, Tiers, ns_of
from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_MS

KIND = "EAF"
_DEEPEST = 64
_MOST = 2_000_000
"""Elements in a file: hours of words have a tenth of that, and each costs hundreds of bytes of memory."""


@dataclass(slots=True)
class _Element:
    name: str
    members: Mapping[str, str]
    line: int
    children: list[_Element] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def all(self, *names: str) -> Iterator[_Element]:
        """Children, their children and so on, by the names on the way."""
        if not names:
            yield self
            return
        for child in self.children:
            if child.name == names[0]:
                yield from child.all(*names[1:])

    def member(self, name: str) -> str:
        if name not in self.members:
            raise FormError(self.line, f"{self.name} has no {name}")
        return self.members[name]


def read_eaf(path: Path) -> Tiers:
    """The tiers of an EAF file; child tiers have the times of their parents.

    Raises:
        AppError: it cannot be read, declares entities, or is malformed: naming the line.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise AppError(f"{path.name} is too large.", "It has more than 256 MB.", "Choose a file of annotations.")
        raw = path.read_bytes()
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error
    try:
        return parse_eaf(raw)
    except FormError as error:
        raise refused(path, error, KIND) from error


def parse_eaf(raw: bytes) -> Tiers:
    """The tiers in the bytes of an EAF file.

    Raises:
        FormError: it is malformed, or declares a document type.
    """
    root = _tree(raw)
    if root.name != "ANNOTATION_DOCUMENT":
        raise FormError(root.line, f"it is a {root.name}, not an ANNOTATION_DOCUMENT")
    for header in root.all("HEADER"):
        units = header.members.get("TIME_UNITS", "milliseconds")
        if units != "milliseconds":
            raise FormError(header.line, f"its times are {units}, not milliseconds")
    slots = _slots(root)
    placed: dict[str, tuple[float, float]] = {}
    elements = list(root.all("TIER"))
    for tier in elements:
        for annotation in tier.all("ANNOTATION", "ALIGNABLE_ANNOTATION"):
            placed[annotation.member("ANNOTATION_ID")] = _times(annotation, slots)
    _place_refs(elements, placed)
    exact = _exact(elements)
    tiers = [_tier(t, placed, exact) for t in elements if t.members.get("LINGUISTIC_TYPE_REF") != EXACT_TYPE]
    media = tuple(_media(m) for m in root.all("HEADER", "MEDIA_DESCRIPTOR"))
    return Tiers(tuple(tiers), _end_ns(root, slots), media)


def _tree(raw: bytes) -> _Element:
    parser = expat.ParserCreate()
    root = _Element("", {}, 1)
    stack = [root]
    numbers = count(1)

    def begin(name: str, members: dict[str, str]) -> None:
        if len(stack) > _DEEPEST:
            raise FormError(parser.CurrentLineNumber, "it is nested too deeply")
        if next(numbers) > _MOST:
            raise FormError(parser.CurrentLineNumber, f"it has more than {_MOST} elements")
        element = _Element(name, members, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)

    def refuse(*_: object) -> None:
        raise FormError(
            parser.CurrentLineNumber, "it declares a document type, which no EAF does and which may read other files"
        )

    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = lambda text: stack[-1].parts.append(text)
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise FormError(error.lineno, f"it is no XML: {expat.ErrorString(error.code)}") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, FormError):
            raise
        raise FormError(1, f"its encoding is not known: {error}") from error
    return root.children[0]


def _slots(root: _Element) -> dict[str, float]:
    """Milliseconds by id; a slot without a time lies evenly between its neighbours in the list, as ELAN draws it."""
    found: dict[str, float] = {}
    waiting: list[str] = []
    last = 0.0
    for slot in root.all("TIME_ORDER", "TIME_SLOT"):
        name, value = slot.member("TIME_SLOT_ID"), slot.members.get("TIME_VALUE")
        if value is None:
            waiting.append(name)
            continue
        at = _milliseconds(value, slot.line)
        step = (at - last) / (len(waiting) + 1)
        for n, one in enumerate(waiting, start=1):
            found[one] = last + n * step
        waiting = []
        found[name] = last = at
    return found | dict.fromkeys(waiting, last)


def _milliseconds(text: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= LIMIT_S * 1000:
        raise FormError(line, f"{text[:40]!r} is no number of milliseconds")
    return value


def _times(annotation: _Element, slots: Mapping[str, float]) -> tuple[float, float]:
    names = annotation.member("TIME_SLOT_REF1"), annotation.member("TIME_SLOT_REF2")
    for name in names:
        if name not in slots:
            raise FormError(annotation.line, f"there is no time slot {name[:40]!r}")
    begin, end = slots[names[0]], slots[names[1]]
    if end < begin:
        raise FormError(annotation.line, f"an annotation ends ({end:g} ms) before it begins ({begin:g} ms)")
    return begin, end


def _place_refs(tiers: list[_Element], placed: dict[str, tuple[float, float]]) -> None:
    refs = {r.member("ANNOTATION_ID"): r for t in tiers for r in t.all("ANNOTATION", "REF_ANNOTATION")}
    for name, ref in refs.items():
        way: dict[str, None] = {}
        at = name
        while at not in placed:
            if at not in refs or at in way:
                raise FormError(ref.line, f"{name[:40]} refers to an annotation that is not there, or to itself")
            way[at] = None
            at = refs[at].member("ANNOTATION_REF")
        placed |= dict.fromkeys(way, placed[at])


def _exact(tiers: list[_Element]) -> dict[str, str]:
    """What the exact tiers say, by the annotation that it is about."""
    return {
        r.member("ANNOTATION_REF"): _value(r)
        for t in tiers
        if t.members.get("LINGUISTIC_TYPE_REF") == EXACT_TYPE
        for r in t.all("ANNOTATION", "REF_ANNOTATION")
    }


def _value(annotation: _Element) -> str:
    return "".join(value.text for value in annotation.all("ANNOTATION_VALUE"))


def _tier(tier: _Element, placed: Mapping[str, tuple[float, float]], exact: Mapping[str, str]) -> Tier:
    spans: list[Span] = []
    points = True
    for kind in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
        for annotation in tier.all("ANNOTATION", kind):
            name = annotation.member("ANNOTATION_ID")
            t0_ns, t1_ns, point = _fine(placed[name], exact.get(name, ""))
            points = points and point
            spans.append(Span(t0_ns, t1_ns, _value(annotation)))
    return Tier(tier.member("TIER_ID"), tuple(sorted(spans)), bool(spans) and points)


def _fine(coarse: tuple[float, float], text: str) -> tuple[int, int, bool]:
    """Nanoseconds, exact where the milliseconds are those that the exact time was written with; and is it a moment."""
    begin, end = (round(t * NS_PER_MS) for t in coarse)
    try:
        times = [ns_of(word) for word in text.split()]
    except ValueError:
        # Somebody wrote something else there.
        times = []
    if len(times) not in (1, 2):
        return begin, end, False
    t0_ns, t1_ns = times[0], times[-1]
    ms = in_ms(t0_ns, t1_ns)
    same = (coarse[0] == ms[0], coarse[1] == ms[1])
    if len(times) == 1:
        # A moment is moved as a whole; one that was made longer is no moment any more.
        moved = coarse[1] - coarse[0] != 1
        return (begin, end, False) if moved else (t0_ns, t0_ns, True) if same[0] else (begin, begin, True)
    found = (t0_ns if same[0] else begin, t1_ns if same[1] else end)
    return found[0], max(found), False


def _end_ns(root: _Element, slots: Mapping[str, float]) -> int:
    for prop in root.all("HEADER", "PROPERTY"):
        if prop.members.get("NAME") == END_PROPERTY:
            try:
                return max(0, ns_of(prop.text.strip()))
            except ValueError as error:
                raise FormError(prop.line, str(error)) from error
    return round(max(slots.values(), default=0.0) * NS_PER_MS)


def _media(descriptor: _Element) -> str:
    address = descriptor.members.get("RELATIVE_MEDIA_URL") or descriptor.members.get("MEDIA_URL", "")
    return unquote(address).removeprefix("./")
