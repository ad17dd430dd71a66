from __future__ import annotations

import copy
import hashlib
import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.labels.speak_items import load_items, parse_item, warnings_of
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

DEFAULTS = {"timespeak": (-0.5, 1.5), "cuespeak": (-0.3, 3.0)}
ITEM: dict[str, Any] = {
    "schema": "tmlapp.speak_item/1", "suite": "cuespeak", "id": "cs-1", "category": "codeswitch", "lang": "en",
    "input": {"audio": "in.wav", "video": None, "duration_s": 10.0},
    "instruction": {"text": "Give me the right word.", "t0": 0.5, "t1": 3.0},
    "user_words": [{"t0": 4.0, "t1": 8.0, "text": "I saw a mariposa"}],
    "expectations": [
        {"id": "e1", "cue": {"kind": "event", "t0": 6.0, "t1": 6.5, "text": "mariposa"}, "t_ref": 6.5,
         "window": [6.0, 9.0], "meaning": "says butterfly", "accept": ["butterfly"], "reject": ["moth"],
         "required": True, "while_user_speaks": True},
    ],
    "stop_t": None, "notes": "made up", "colour": "blue",
}  # fmt: skip


def sound(path: Path, *, rate: int = 16_000, channels: int = 1, width: int = 2, seconds: float = 10.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(int(rate * seconds) * channels * width))
    return path


def items(folder: Path, *lines: object) -> Path:
    sound(folder / "in.wav")
    path = folder / "items.jsonl"
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def changed(change: Callable[[Any], object]) -> dict[str, Any]:
    item = copy.deepcopy(ITEM)
    change(item)
    return item


def test_an_item_is_read_with_all_its_members_and_keeps_unknown_ones(tmp_path: Path) -> None:
    (item,) = load_items(items(tmp_path, "", ITEM))
    (expectation,) = item.expectations
    assert (item.id, item.suite, item.duration_s, item.instruction_s) == ("cs-1", "cuespeak", 10.0, (0.5, 3.0))
    assert (expectation.window, expectation.t_ref_s, expectation.required) == ((6.0, 9.0), 6.5, True)
    assert (expectation.accept, expectation.reject, expectation.cue_text) == (("butterfly",), ("moth",), "mariposa")
    assert item.user_words == ((4.0, 8.0, "I saw a mariposa"),)
    assert item.raw["colour"] == "blue"
    assert warnings_of(item, tmp_path, DEFAULTS) == []


def test_what_may_be_left_out_has_its_default() -> None:
    raw = changed(lambda i: [i.pop(k) for k in ("user_words", "stop_t", "notes")])
    raw["expectations"] = [{"id": "a", "cue": {"kind": "time", "t0": 5, "t1": 5}, "t_ref": 5, "meaning": "now"}]
    item = parse_item(raw)
    (expectation,) = item.expectations
    assert (expectation.window, expectation.required, expectation.accept) == (None, True, ())
    assert (item.stop_s, item.user_words, item.video, item.sha256) == (None, (), "", {})


def first(item: Any) -> Any:
    return item["expectations"][0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda i: i.update(schema="tmlapp.speak_item/2"), "schema is 'tmlapp.speak_item/2'"),
        (lambda i: i.pop("schema"), "schema is None"),
        (lambda i: i.update(suite="dancespeak"), "suite is 'dancespeak'"),
        (lambda i: i.update(suite=["timespeak"]), "suite is"),
        (lambda i: i.update(id="Cs_1"), "other characters"),
        (lambda i: i.pop("id"), "id is missing"),
        (lambda i: i.update(id=7), "id is no text"),
        (lambda i: i.update(category=""), "category is too short"),
        (lambda i: i.update(lang="e"), "lang is too short"),
        (lambda i: i.pop("input"), "input is missing"),
        (lambda i: i.update(input=[]), "input is no object"),
        (lambda i: i["input"].pop("audio"), r"input\.audio is missing"),
        (lambda i: i["input"].update(video=3), r"input\.video is no text"),
        (lambda i: i["input"].update(duration_s=0), r"duration_s is 0"),
        (lambda i: i["input"].update(duration_s="10"), "not a number of seconds"),
        (lambda i: i["input"].update(duration_s=10**400), "not a number of seconds"),
        (lambda i: i["input"].update(sha256="ab"), r"input\.sha256 is no object"),
        (lambda i: i["input"].update(sha256={"audio": 1}), r"sha256\.audio is no text"),
        (lambda i: i.pop("instruction"), "instruction is missing"),
        (lambda i: i["instruction"].update(t1=0.1), "lies before"),
        (lambda i: i["instruction"].update(t0=-1), r"instruction\.t0 is -1"),
        (lambda i: i["instruction"].pop("t1"), r"instruction\.t1 is missing"),
        (lambda i: i.update(user_words={}), "user_words is no list"),
        (lambda i: i["user_words"][0].pop("text"), r"user_words\[0\]\.text is missing"),
        (lambda i: i["user_words"].append(3), r"user_words\[1\] is no object"),
        (lambda i: i.pop("expectations"), "expectations is missing"),
        (lambda i: i.update(expectations=[]), "no required expectation"),
        (lambda i: first(i).update(required=False), "no required expectation"),
        (lambda i: first(i).update(required="yes"), "true or false"),
        (lambda i: first(i).update(while_user_speaks=1), "true or false"),
        (lambda i: i["expectations"].append(first(i)), "id comes twice"),
        (lambda i: first(i).update(id=""), "id is too short"),
        (lambda i: first(i).pop("meaning"), "meaning is missing"),
        (lambda i: first(i).pop("cue"), "cue is missing"),
        (lambda i: first(i)["cue"].update(kind="smell"), "kind is 'smell'"),
        (lambda i: first(i)["cue"].update(text=1), r"cue\.text is no text"),
        (lambda i: first(i).update(t_ref=10.1), "outside the 10 s"),
        (lambda i: first(i).update(t_ref=-0.1), "t_ref is -0.1"),
        (lambda i: first(i).update(t_ref=True), "not a number of seconds"),
        (lambda i: first(i).update(window=[6.0]), "neither null nor"),
        (lambda i: first(i).update(window=[6.0, 6.0]), "no later than it begins"),
        (lambda i: first(i).update(window=[-0.1, 6.0]), "lies outside"),
        (lambda i: first(i).update(window=[6.0, 20.1]), "lies outside"),
        (lambda i: first(i).update(window=[None, 20.1]), "not a number of seconds"),
        (lambda i: first(i).update(accept="yes"), "accept is no list"),
        (lambda i: first(i).update(reject=[1]), "no list of texts"),
        (lambda i: i.update(stop_t=-1), "stop_t is -1"),
        (lambda i: i.update(notes=3), "notes is no text"),
    ],
)  # fmt: skip
def test_a_mistake_rejects_the_file_and_names_the_line(
    tmp_path: Path, change: Callable[[Any], object], why: str
) -> None:
    good = ITEM | {"id": "good"}
    with pytest.raises(AppError, match=rf"(?is)items\.jsonl, line 3,.*{why}"):
        load_items(items(tmp_path, good, "", changed(change)))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON|nested"),
        ("[]", "the line is no object"),
        ("null", "the line is missing"),
        (json.dumps(changed(lambda i: first(i).update(t_ref=float("nan")))), "NaN is no number"),
        (json.dumps(ITEM), "the id 'cs-1' stands in line 1 already"),
    ],
)
def test_a_line_that_is_no_new_item_rejects_the_file(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(AppError, match=rf"(?is)line 2,.*({why})"):
        load_items(items(tmp_path, ITEM, line))


def test_an_empty_a_missing_and_a_wrongly_encoded_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="holds no item"):
        load_items(items(tmp_path))
    with pytest.raises(AppError, match="cannot be read"):
        load_items(tmp_path / "nowhere.jsonl")
    (tmp_path / "items.jsonl").write_bytes(json.dumps(ITEM).encode("utf-16"))
    with pytest.raises(AppError, match="cannot be read"):
        load_items(tmp_path / "items.jsonl")


def test_the_bounds_of_a_window_belong_to_what_is_allowed() -> None:
    assert parse_item(changed(lambda i: first(i).update(window=[0, 20.0]))).expectations[0].window == (0.0, 20.0)
    assert parse_item(changed(lambda i: first(i).update(t_ref=10.0, window=None))).expectations[0].t_ref_s == 10.0


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"rate": 8_000}, "sample rate of in.wav is 8000 Hz, not 16000 Hz"),
        ({"channels": 2}, "not mono PCM16: 2 channels of 16 bits"),
        ({"width": 1}, "not mono PCM16: 1 channels of 8 bits"),
    ],
)
def test_sound_of_another_form_rejects_the_file(tmp_path: Path, form: dict[str, int], why: str) -> None:
    path = items(tmp_path, ITEM)
    sound(tmp_path / "in.wav", **form)
    with pytest.raises(AppError, match=rf"(?is)line 1,.*{why}"):
        load_items(path)
    assert len(load_items(path, media=False)) == 1


def test_missing_damaged_and_exchanged_media_reject_the_file(tmp_path: Path) -> None:
    path = items(tmp_path, changed(lambda i: i["input"].update(video="in.mp4")))
    with pytest.raises(AppError, match=r"(?i)the video in\.mp4 is missing"):
        load_items(path)
    (tmp_path / "in.wav").write_bytes(b"RIFF")
    with pytest.raises(AppError, match=r"(?i)in\.wav is no wav file"):
        load_items(items_without_sound(tmp_path, ITEM))
    (tmp_path / "in.wav").unlink()
    with pytest.raises(AppError, match=r"(?i)the audio in\.wav is missing"):
        load_items(items_without_sound(tmp_path, ITEM))


def items_without_sound(folder: Path, item: Any) -> Path:
    path = folder / "items.jsonl"
    path.write_text(json.dumps(item), encoding="utf-8")
    return path


def test_a_digest_that_is_given_has_to_hold(tmp_path: Path) -> None:
    digest = hashlib.sha256(sound(tmp_path / "in.wav").read_bytes()).hexdigest()
    good = changed(lambda i: i["input"].update(sha256={"audio": digest.upper(), "video": None}))
    assert len(load_items(items(tmp_path, good))) == 1
    with pytest.raises(AppError, match=r"(?i)sha256 differs"):
        load_items(items(tmp_path, changed(lambda i: i["input"].update(sha256={"audio": "0" * 64}))))


def test_an_author_is_warned_of_a_window_without_user_speech_and_of_another_length(tmp_path: Path) -> None:
    (item,) = load_items(items(tmp_path, changed(lambda i: i.update(user_words=[]))))
    assert warnings_of(item, tmp_path, DEFAULTS) == ["cs-1/e1: the user does not speak within the window"]
    (item,) = load_items(items(tmp_path, changed(lambda i: first(i).update(window=None))))
    assert warnings_of(item, tmp_path, DEFAULTS) == []
    sound(tmp_path / "in.wav", seconds=9.0)
    assert warnings_of(item, tmp_path, DEFAULTS) == ["cs-1: duration_s is 10, but the sound lasts 9.000 s"]
    (item,) = load_items(items(tmp_path, changed(lambda i: i.update(suite="timespeak", user_words=[]))))
    assert warnings_of(item, tmp_path, DEFAULTS) == []


def test_the_published_schema_agrees_on_the_examples(shared_data: Path) -> None:
    folder = shared_data / "bench" / "timespeak-cuespeak"
    jsonschema = pytest.importorskip("jsonschema")
    schema = jsonschema.Draft202012Validator(json.loads((folder / "speak_item.schema.json").read_text("utf-8")))
    lines = [json.loads(line) for line in (folder / "items_example.jsonl").read_text("utf-8").splitlines()]
    lines += [entry["item"] for entry in json.loads((folder / "golden" / "scoring.json").read_text("utf-8"))["items"]]
    assert {parse_item(line).id for line in lines if schema.is_valid(line)} == {line["id"] for line in lines}
    # What the schema forbids, ours forbids too.
    wrong = [c for c in _WRONG if not schema.is_valid(c)]
    assert len(wrong) == len(_WRONG)


_WRONG = [
    changed(lambda i: i.update(id="A")),
    changed(lambda i: i.pop("lang")),
    changed(lambda i: first(i).update(window=[1.0])),
    changed(lambda i: i.update(stop_t="soon")),
]


@pytest.mark.parametrize("raw", _WRONG)
def test_ours_forbids_what_the_schema_forbids(tmp_path: Path, raw: Any) -> None:
    with pytest.raises(AppError, match="line 1"):
        load_items(items(tmp_path, raw))


def test_media_that_cannot_be_read_reject_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    path = items(tmp_path, changed(lambda i: i["input"].update(sha256={"audio": "0" * 64})))
    monkeypatch.setattr(hashlib, "file_digest", broken)
    with pytest.raises(AppError, match=r"(?is)line 1.*in\.wav cannot be read: Input/output error"):
        load_items(path)
