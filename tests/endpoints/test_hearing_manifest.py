"""`x-hearing` of a manifest: any model may bring a grammar, and each mistake in it is named before the session."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.endpoints.minimodel import Plain, listing, write_model
from tests.endpoints.spoken import microphone, quiet, said
from tests.endpoints.talk import Heard, converse, setup_for
from tmlapp.core.event import SpeechHeard, TaskSet
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_local import OnnxEndpoint

pytestmark = pytest.mark.unit
GRAMMAR = """#JSGF V1.0;
grammar mine;
<n> = three | four;
public <mine> = count the reps of squats | every <n> seconds | stop;
"""
BELIEVED = {"score": -6, "worst": -12, "distance": 1, "slope": 0, "coverage": 0.5, "longest_s": 8, "silence_ms": 400}


def write(folder: Path, change: Callable[[Plain], object] = bool, grammar: str = GRAMMAR) -> OnnxEndpoint:
    """The smallest model with ears."""

    def ears(plain: Plain) -> None:
        plain["hears_instructions"] = True
        entry = {"file": "mine.gram", **BELIEVED}
        plain["x-hearing"] = {"engine": "pocketsphinx", "grammars": {"commands": entry, "stop": dict(entry)}}
        plain["files"].append(listing(folder, "mine.gram"))
        change(plain)

    write_model(folder, before=lambda f: (f / "mine.gram").write_text(grammar, encoding="utf-8"), change=ears)
    return OnnxEndpoint("onnx:mine", folder)


def test_a_model_of_ones_own_is_spoken_to(tmp_path: Path) -> None:
    endpoint = write(tmp_path)
    endpoint.check("")
    sound = microphone(quiet(0.5), said("count the reps of squats"), quiet(1.0), said("stop"), quiet(1.0))
    heard = converse(endpoint, sound, setup_for(""))
    assert [(e.text, e.grammar) for e in heard.of(SpeechHeard)] == [
        ("count the reps of squats", "commands"),
        ("stop", "stop"),
    ]
    assert [e.task for e in heard.of(TaskSet)] == ["none", "count_reps", "none"]


def test_nobody_speaks_that_fast(tmp_path: Path) -> None:
    sound = microphone(quiet(0.5), said("every three seconds"), quiet(1.0))
    for pace_s, accepted in ((0.07, True), (0.5, False)):
        folder = tmp_path / str(pace_s)
        endpoint = write(folder, partial(paced, pace_s=pace_s))
        heard = converse(endpoint, sound, setup_for("")).of(SpeechHeard)
        assert [(e.text, e.accepted) for e in heard] == [("every three seconds", accepted)]
        assert heard[0].reason == ("" if accepted else "Not sure enough: less was said than “every three seconds”.")


def hearing(plain: Plain) -> Plain:
    found: Plain = plain["x-hearing"]
    return found


def paced(plain: Plain, pace_s: float) -> None:
    hearing(plain)["grammars"]["commands"]["pace_s"] = pace_s


def nested(plain: Plain, variant: str) -> None:
    """A variant of a variant."""
    stop = hearing(plain)["grammars"]["stop"]
    stop["over_voice"] = {**stop, variant: dict(stop)}


@pytest.mark.parametrize(
    ("code", "change", "says"),
    [
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m).update(engine="ears"), "x-hearing.engine"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"].pop("stop"), "x-hearing.grammars.stop is missing"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"].update(song={}), "x-hearing.grammars.song"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"]["stop"].pop("score"), "stop.score is missing"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"]["stop"].update(noisy={}), "stop.noisy"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"]["stop"].update(over_voice={}), "stop.over_voice"),
        ("E_MANIFEST_SCHEMA", lambda m: nested(m, "noisy"), "stop.over_voice.noisy"),
        ("E_MANIFEST_SCHEMA", lambda m: nested(m, "over_voice"), "stop.over_voice.over_voice"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"]["stop"].update(score=math.nan), "stop.score must be"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"]["stop"].update(score=1), "from -1000 to 0, not 1"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"]["stop"].update(longest_s=1e9), "longest_s must be from"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"]["stop"].update(silence_ms=10**9), "silence_ms must be"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m)["grammars"]["stop"].update(pace_s=2), "pace_s must be from 0 to 1"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m).update(noise_db=-math.inf), "noise_db must be"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m).update(words={"x": 1}), "x-hearing.words"),
        ("E_MANIFEST_SCHEMA", lambda m: hearing(m).update(volume=1), "x-hearing.volume"),
        ("E_MANIFEST_SCHEMA", lambda m: m.update(hears_instructions=False), "hears_instructions"),
        ("E_FILE_UNLISTED", lambda m: m["files"].pop(), "x-hearing.grammars.commands.file"),
        ("E_PATH", lambda m: hearing(m)["grammars"]["stop"].update(file="../mine.gram"), ".."),
        ("E_HEARING", lambda m: hearing(m).update(words={"squats": "S KW AA TS"}), "pronunciation of squats"),
    ],
)
def test_a_mistake_in_it_is_named(tmp_path: Path, code: str, change: Callable[[Plain], object], says: str) -> None:
    with pytest.raises(OnnxContractError) as caught:
        write(tmp_path, change).check("")
    assert caught.value.code == code
    assert says in caught.value.message


@pytest.mark.parametrize(
    "grammar",
    ["", "count my squats", GRAMMAR.replace("squats", "sqxwts")],
)
def test_a_grammar_that_the_engine_refuses(tmp_path: Path, grammar: str) -> None:
    endpoint = write(tmp_path, grammar=grammar)
    for ask in (lambda: endpoint.check(""), lambda: endpoint.open(setup_for(""), Heard())):
        with pytest.raises(OnnxContractError, match=r"mine\.gram") as caught:
            ask()
        assert caught.value.code == "E_HEARING"
    # Who does not listen needs no grammar.
    assert converse_deaf(endpoint).events


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("public <mine> = stop | <nowhere>;", "<mine> uses <nowhere>, which the file does not define"),
        ("<a> = stop | <b>; <b> = <a> now; public <mine> = <a>;", "is used within itself"),
        ("public <mine> = <mine> stop;", "<mine> is used within itself"),
        (
            "".join(f"<a{i}> = <a{i - 1}> <a{i - 1}>;\n" for i in range(1, 40)) + "<a0> = one; public <m> = <a39>;",
            "words",
        ),
    ],
)
def test_rules_that_cannot_be_meant_never_reach_the_engine(tmp_path: Path, rules: str, says: str) -> None:
    with pytest.raises(OnnxContractError, match=r"mine\.gram: ") as caught:
        write(tmp_path, grammar=f"#JSGF V1.0;\ngrammar mine;\n{rules}\n").check("")
    assert caught.value.code == "E_HEARING"
    assert says in caught.value.message


def test_rules_are_used_more_than_once_with_comments_and_weights(tmp_path: Path) -> None:
    rules = (
        "<n> = one | two; // <nowhere>\n<m> = <n> | <NULL>; /* <x> */ public <mine> = /0.5/ stop <n> | /1e-3/ <m> <n>;"
    )
    write(tmp_path, grammar=f"#JSGF V1.0;\ngrammar mine;\n{rules}\n").check("")


def converse_deaf(endpoint: OnnxEndpoint) -> Heard:
    heard = Heard()
    endpoint.open(setup_for("", options={"hearing": "off"}), heard).close()
    return heard
