"""`manifest.json` of a local model as typed values (contract section 3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tmlapp.endpoints.hearing.spec import COMMANDS, ENGINES, MODES, STOP, Grammar, HearingSpec
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_json import MISSING, JsonObject, no_duplicates

CONTRACT = "tmlapp-interaction-onnx/1"
_HEARING_LIMITS = {
    "score": (-1000, 0), "worst": (-1000, 0), "distance": (0, 10), "slope": (-10, 10), "coverage": (0, 1),
    "longest_s": (0.1, 12),
}  # fmt: skip
_SLOWEST_S = 1
_VARIANTS = ("noisy", "over_voice")
_LONGEST_SILENCE_MS = 3000
"""A stretch with the silences around it must fit into what is remembered of the sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesSpec:
    """How the graph wants pictures. `kind` is `rgb_u8` or `patches40`; sizes in pixels."""

    kind: str
    count: int
    height: int
    width: int
    fit: str = "letterbox"
    patch_rule: str = "exact"
    temporal: int = 2
    temporal_source: str = "repeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRule:
    """`match` is searched in the normalised instruction; `params` maps task parameters to named groups."""

    match: str
    option: int
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnd:
    """When an option is over by itself, so that the model waits again. All sums are over parameters of the task.

    Attributes:
        said: after this many phrases, and as many more as the parameter `number` holds; where that holds 0: never.
        until: seconds per unit of each parameter; over when their sum has passed since the instruction ended.
        period: the same; an end before this is none.
    """

    said: int = 0
    number: str = ""
    until: Mapping[str, float] = field(default_factory=dict)
    period: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """`kind` is `none`, `enum` or `utf8` (then `length` is L); `numbers` is `contract` or `spoken`."""

    kind: str
    options: tuple[str, ...] = ()
    rules: tuple[TaskRule, ...] = ()
    params: tuple[str, ...] = ()
    default: int | None = None
    length: int = 0
    numbers: str = "contract"
    ends: Mapping[str, TaskEnd] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phrase:
    text: str
    wav: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpec:
    name: str
    dtype: str
    shape: tuple[int, ...]
    init: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest that kept the schema. `audio` is `pcm`, `dmel` or `none`; `sha256` is of the manifest file itself."""

    folder: Path
    sha256: str
    contract: str
    name: str
    version: str
    licence: str
    chunk_ms: int
    model: str
    audio: str
    rate: int
    output_rate: int
    frames: FramesSpec | None
    task: TaskSpec
    vocabulary: tuple[Phrase, ...]
    min_margin: float | None
    repeat_ms: int
    interrupts: bool
    states: tuple[StateSpec, ...]
    diagnostics: Mapping[str, int]
    providers: tuple[str, ...]
    max_lag_turns: int
    files: Mapping[str, tuple[str, int]]
    hears_instructions: bool
    provenance: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    recordings: Mapping[str, str] = field(default_factory=dict)
    hearing: HearingSpec | None = None

    @property
    def path(self) -> Path:
        return self.folder / "manifest.json"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the model in `folder`.

    Raises:
        OnnxContractError: E_MANIFEST_MISSING, E_MANIFEST_JSON, E_MANIFEST_SCHEMA or E_CONTRACT_VERSION.
    """
    path = folder / "manifest.json"
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OnnxContractError("E_MANIFEST_MISSING", f"There is no {path}.", path) from error
    except OSError as error:
        raise OnnxContractError("E_MANIFEST_MISSING", f"{path} cannot be read: {error.strerror}.", path) from error
    try:
        plain = json.loads(raw.decode("utf-8"), object_pairs_hook=no_duplicates)
    except (ValueError, RecursionError) as error:
        raise OnnxContractError("E_MANIFEST_JSON", f"{path} is not valid: {error}.", path) from error
    return _Reader(path).manifest(plain, hashlib.sha256(raw).hexdigest())


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def manifest(self, plain: Any, sha256: str) -> Manifest:
        top = JsonObject(self._path, "", plain)
        contract = top.text("contract")
        say, runtime = top.child("say_policy", {}), top.child("runtime", {})
        audio = self._audio(top.child("audio"))
        manifest = Manifest(
            folder=self._path.parent,
            sha256=sha256,
            contract=contract,
            name=top.text("name"),
            version=top.text("version"),
            licence=top.text("licence"),
            chunk_ms=top.integer("chunk_ms"),
            model=top.text("model"),
            audio=audio[0],
            rate=audio[1],
            output_rate=audio[2],
            frames=self._frames(top.child("frames")) if top.has("frames") else top.raw("frames", None),
            task=self._task(top.child("task")),
            vocabulary=self._all(top.children("vocabulary"), self._phrase),
            min_margin=say.number("min_margin") if say.has("min_margin") else say.raw("min_margin", None),
            repeat_ms=say.integer("repeat_ms", 0),
            interrupts=say.flag("interrupts", False),
            states=self._all(top.children("states", []), self._state),
            diagnostics=dict(self._all(top.children("diagnostics", []), self._diagnostic)),
            providers=self._runtime(runtime),
            max_lag_turns=runtime.integer("max_lag_chunks", 5, least=2),
            files=dict(self._all(top.children("files"), self._file)),
            hears_instructions=top.flag("hears_instructions", False),
            provenance=self._provenance(top),
            examples=top.texts("x-examples", []),
            recordings=self._recordings(top),
            hearing=self._hearing(top.child("x-hearing")) if top.has("x-hearing") else None,
        )
        if manifest.hearing and (not manifest.hears_instructions or manifest.task.kind == "none"):
            raise top.wrong("x-hearing", "needs hears_instructions true and a task that can be set")
        top.text("description", "", empty=True)
        for part in (say, runtime, top):
            part.done()
        if contract != CONTRACT:
            raise OnnxContractError(
                "E_CONTRACT_VERSION",
                f"manifest.json: contract is {contract!r}, this app reads {CONTRACT!r}.",
                self._path,
            )
        return manifest

    @staticmethod
    def _all(parts: list[JsonObject], read: Callable[[JsonObject], Any]) -> tuple[Any, ...]:
        found = []
        for part in parts:
            found.append(read(part))
            part.done()
        return tuple(found)

    def _audio(self, part: JsonObject) -> tuple[str, int, int]:
        kind = part.choice("input", ("pcm", "dmel", "none"))
        found = kind, part.integer("rate", 16_000), part.integer("output_rate", 24_000)
        part.done()
        return found

    def _frames(self, part: JsonObject) -> FramesSpec:
        kind = part.choice("input", ("rgb_u8", "patches40"))
        spec = FramesSpec(
            kind=kind,
            count=part.integer("count", 1 if kind == "patches40" else MISSING, least=1),
            height=part.integer("height", least=1),
            width=part.integer("width", least=1),
            fit=part.choice("fit", ("letterbox", "crop", "stretch"), "letterbox"),
            patch_rule=part.choice("patch_rule", ("exact", "inkling"), "exact"),
            temporal=part.integer("temporal", 2, least=1),
            temporal_source=part.choice("temporal_source", ("repeat", "last_two"), "repeat"),
        )
        part.done()
        return spec

    def _task(self, part: JsonObject) -> TaskSpec:
        kind = part.choice("kind", ("none", "enum", "utf8"))
        enum = kind == "enum"
        spec = TaskSpec(
            kind=kind,
            options=part.texts("options", MISSING if enum else []),
            rules=self._all(part.children("rules", MISSING if enum else []), self._rule),
            params=part.texts("params", []),
            default=part.integer("default") if part.has("default") else part.raw("default", None),
            length=part.integer("length", MISSING if kind == "utf8" else 0, least=1 if kind == "utf8" else 0),
            numbers=part.choice("x-numbers", ("contract", "spoken"), "contract"),
            ends=self._ends(part.child("x-ends", {})),
        )
        if enum and not spec.options:
            raise part.wrong("options", "must not be empty")
        if strangers := sorted(set(spec.ends) - set(spec.options)):
            raise part.wrong("x-ends", f"{strangers[0]} is no option")
        if strangers := sorted(
            {n for e in spec.ends.values() for n in (e.number, *e.until, *e.period) if n} - set(spec.params)
        ):
            raise part.wrong("x-ends", f"{strangers[0]} is not in params")
        part.done()
        return spec

    def _ends(self, part: JsonObject) -> Mapping[str, TaskEnd]:
        return {name: self._end(part.child(name)) for name in part.names()}

    @staticmethod
    def _end(part: JsonObject) -> TaskEnd:
        until, period = (
            {n: p.number(n) for n in p.names()} for p in (part.child("until", {}), part.child("period", {}))
        )
        end = TaskEnd(
            said=part.integer("said", 0), number=part.text("number", "", empty=True), until=until, period=period
        )
        part.done()
        if not (end.said or end.number or end.until):
            raise part.wrong("said", "or number or until must be there")
        return end

    @staticmethod
    def _rule(part: JsonObject) -> TaskRule:
        params = part.raw("params", {})
        if not isinstance(params, dict) or not all(isinstance(v, str) for v in params.values()):
            raise part.wrong("params", "must map parameters to named groups")
        option = part.raw("option")
        if isinstance(option, bool) or not isinstance(option, int):
            raise part.wrong("option", "must be a whole number")
        return TaskRule(match=part.text("match"), option=option, params=params)

    @staticmethod
    def _phrase(part: JsonObject) -> Phrase:
        return Phrase(part.text("text", empty=True), part.text("wav") if part.has("wav") else part.raw("wav", None))

    @staticmethod
    def _state(part: JsonObject) -> StateSpec:
        shape = part.items("shape")
        if not all(isinstance(d, int) and not isinstance(d, bool) and d >= 0 for d in shape):
            raise part.wrong("shape", "must be a list of whole numbers")
        init = part.raw("init")
        if isinstance(init, dict):
            inner = JsonObject(part.path, "states.init", init)
            init = {"file": inner.text("file")}
            inner.done()
        elif isinstance(init, bool) or not isinstance(init, int | float | list):
            raise part.wrong("init", "must be a number, a nested list or a file")
        return StateSpec(name=part.text("name"), dtype=part.text("dtype"), shape=tuple(shape), init=init)

    @staticmethod
    def _diagnostic(part: JsonObject) -> tuple[str, int]:
        limits = part.items("range", [0, 1])
        if len(limits) != 2 or not all(isinstance(v, int | float) for v in limits):
            raise part.wrong("range", "must be two numbers")
        return part.text("name"), part.integer("size", 1, least=1)

    def _hearing(self, part: JsonObject) -> HearingSpec:
        engine, listed, words = part.choice("engine", ENGINES), part.child("grammars"), part.raw("words", {})
        noise_db = part.number("noise_db", 20)
        if not isinstance(words, dict) or not all(isinstance(v, str) and v for v in words.values()):
            raise part.wrong("words", "must map words to their sounds")
        asked = [mode for mode in MODES if mode in (COMMANDS, STOP) or listed.has(mode)]
        grammars = dict(zip(asked, self._all([listed.child(m) for m in asked], self._grammar), strict=True))
        listed.done()
        part.done()
        return HearingSpec(engine=engine, grammars=grammars, noise_db=noise_db, words=words)

    def _grammar(self, part: JsonObject) -> Grammar:
        # Variants have none of their own: those would never be used.
        variants = {name: self._all([part.child(name)], self._one_grammar)[0] for name in _VARIANTS if part.has(name)}
        return replace(self._one_grammar(part), **variants)

    @staticmethod
    def _one_grammar(part: JsonObject) -> Grammar:
        numbers = {name: part.between(name, *limits) for name, limits in _HEARING_LIMITS.items()}
        numbers["pace_s"] = part.between("pace_s", 0, _SLOWEST_S, 0)
        silence_ms = part.integer("silence_ms", least=100)
        if silence_ms > _LONGEST_SILENCE_MS:
            raise part.wrong("silence_ms", f"must be at most {_LONGEST_SILENCE_MS}, not {silence_ms}")
        return Grammar(file=part.text("file"), silence_ms=silence_ms, noisy=None, over_voice=None, **numbers)

    @staticmethod
    def _runtime(part: JsonObject) -> tuple[str, ...]:
        part.integer("opset", 18, least=1)
        part.number("step_budget_ms", 200)
        return part.texts("providers", ["CPUExecutionProvider"])

    @staticmethod
    def _file(part: JsonObject) -> tuple[str, tuple[str, int]]:
        sha256 = part.text("sha256").lower()
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise part.wrong("sha256", "must be 64 hexadecimal digits")
        return part.text("path"), (sha256, part.integer("bytes"))

    @staticmethod
    def _recordings(top: JsonObject) -> Mapping[str, str]:
        value = top.raw("x-recordings", {})
        if not isinstance(value, dict) or not all(isinstance(v, str) and v for v in (*value, *value.values())):
            raise top.wrong("x-recordings", "must map texts to files")
        return value

    @staticmethod
    def _provenance(top: JsonObject) -> Mapping[str, Any]:
        value = top.raw("provenance")
        if not isinstance(value, dict) or not value:
            raise top.wrong("provenance", "must be an object that is not empty")
        return value
