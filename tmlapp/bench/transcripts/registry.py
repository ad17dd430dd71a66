"""Finds transcribers by their address: those of the app, and those of other distributions (entry points)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import parse_qs

from tmlapp.bench.transcripts.base import Transcriber
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError

ENTRY_POINTS = "tmlapp.transcribers"

Factory = Callable[[str, Clock | None], Transcriber | None]
"""Makes a transcriber of what follows the colon of its address; None: the endpoint's own text with its times."""

_FORMS = "stream, align, onnx-asr:MODEL@FOLDER, openai:MODEL@URL?key_env=NAME, recorded:FOLDER"


def transcriber_from_address(address: str, *, clock: Clock | None = None) -> Transcriber | None:
    """The transcriber at `address`.

    Args:
        address: `stream` (None is returned: the endpoint's own text with its times), `align` (word times for that
            text), `onnx-asr:MODEL@FOLDER`, `openai:MODEL@URL?key_env=NAME`, `recorded:FOLDER`, or one that another
            distribution brings (entry points `tmlapp.transcribers`: a `Factory` each).
        clock: for those that wait.

    Raises:
        AppError: there is none, or it cannot be used.
    """
    kind, _, target = address.partition(":")
    found = factories()
    if kind not in found:
        names = ", ".join(sorted(found))
        raise AppError(
            f"There is no transcriber {address!r}.", f"Its kind is none of {names}.", f"Use one of: {_FORMS}."
        )
    return found[kind](target, clock)


def factories() -> dict[str, Factory]:
    """Every kind of transcriber.

    Raises:
        AppError: two claim one name.
    """
    found: dict[str, Factory] = dict(_BUILT_IN)
    for point in entry_points(group=ENTRY_POINTS):
        if point.name in found:
            raise AppError(
                f"Two transcribers are named {point.name!r}.",
                f"{point.value} claims a name that is taken.",
                "Uninstall one of the packages that bring it.",
            )
        found[point.name] = cast(Factory, point.load())
    return found


def bound(transcriber: Transcriber | None, item: str, part: str = "main") -> Transcriber | None:
    """`transcriber` for one item: recorded transcripts belong to items, others hear every sound alike.

    Raises:
        AppError: there is no transcript of this item.
    """
    choose: Any = getattr(transcriber, "for_item", None)
    return transcriber if choose is None else cast(Transcriber, choose(item, part))


def _stream(target: str, clock: Clock | None) -> Transcriber | None:  # noqa: ARG001 - a factory's form
    _nothing_after("stream", target)
    return None


def _align(target: str, clock: Clock | None) -> Transcriber | None:  # noqa: ARG001 - a factory's form
    from tmlapp.bench.transcripts.align import AlignTranscriber

    _nothing_after("align", target)
    return AlignTranscriber()


def _onnx(target: str, clock: Clock | None) -> Transcriber | None:  # noqa: ARG001 - a factory's form
    from tmlapp.bench.transcripts.onnx_engine import OnnxTranscriber

    model, folder = _two("onnx-asr", target, "onnx-asr:MODEL@FOLDER")
    return OnnxTranscriber(model, Path(folder).expanduser())


def _openai(target: str, clock: Clock | None) -> Transcriber | None:
    from tmlapp.bench.transcripts.openai_audio import OpenAiTranscriber

    form = "openai:MODEL@URL?key_env=NAME"
    model, rest = _two("openai", target, form)
    url, _, query = rest.partition("?")
    options = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if unknown := set(options) - {"key_env", "language"}:
        raise AppError(
            f"The transcriber openai:{model} cannot be used.",
            f"It knows no option {', '.join(sorted(unknown))}.",
            f"Write {form}; &language=en may follow.",
        )
    key_env, language = options.get("key_env", ""), options.get("language", "")
    return OpenAiTranscriber(model=model, url=url, key_env=key_env, language=language, clock=clock)


def _recorded(target: str, clock: Clock | None) -> Transcriber | None:  # noqa: ARG001 - a factory's form
    from tmlapp.bench.transcripts.recorded import RecordedTranscriber

    return RecordedTranscriber(Path(target).expanduser())


_BUILT_IN = MappingProxyType[str, Factory](
    {"stream": _stream, "align": _align, "onnx-asr": _onnx, "openai": _openai, "recorded": _recorded}
)


def _two(kind: str, target: str, form: str) -> tuple[str, str]:
    # The name of a model holds no "@"; an address or a folder may.
    first, at, second = target.partition("@")
    if not first or not at or not second:
        raise AppError(
            f"The transcriber {kind}:{target} cannot be used.", "A model or its place is missing.", f"Write {form}."
        )
    return first, second


def _nothing_after(kind: str, target: str) -> None:
    if target:
        raise AppError(f"There is no transcriber {kind}:{target}.", "Nothing may follow.", f"Write {kind}.")
