"""What is found in a set, where it leads, and that its fixes mend it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.items_made import (
    SPEAKERS,
    add_item,
    cuespeak_take,
    many_items,
    new_set,
    room,
    s,
    take_sound,
    write_wav,
)
from tmlapp.bench.authoring.commands import (
    AddExpectation,
    AddItem,
    AddSpeaker,
    ChooseBest,
    Command,
    DuplicateItem,
    SetExpectation,
    SetField,
    SetItemField,
    SetSpeaker,
    SetTakeSpeaker,
)
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.model import Expectation, ItemDraft, ItemSet, Span, Speaker, UserWord
from tmlapp.bench.authoring.store import read_set
from tmlapp.bench.authoring.validate import (
    Context,
    Finding,
    Fix,
    Limits,
    all_findings,
    findings,
    own_findings,
    set_findings,
)
from tmlapp.bench.authoring.validate_rules import looks_like_a_name
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

ITEM = "cs-0001"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_set(tmp_path_factory.mktemp("made") / "set", 2)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "set"))


def context(folder: Path, **more: Any) -> Context:
    return Context(folder, eager=True, voice="energy", **more)


def codes(found: tuple[Finding, ...]) -> dict[str, Finding]:
    return {f.code: f for f in found}


def changed(folder: Path, *commands: Command, item: str = ITEM) -> dict[str, Finding]:
    """What is found in the item after `commands`."""
    with Editor.open(folder) as editor:
        for command in commands:
            editor.do(command)
        return codes(findings(editor.state, item, context(folder)))


def with_take(folder: Path, **take: Any) -> dict[str, Finding]:
    """What is found in a new item whose take differs like this."""
    with Editor.open(folder) as editor:
        pcm = take.pop("pcm", None)
        item = take.pop("item", None)
        add_item(editor, "cs-0009", 5, pcm=pcm, item=item, **take)
        return codes(findings(editor.state, "cs-0009", context(folder)))


def mended(folder: Path, item: str, code: str) -> dict[str, Finding]:
    """What is found after the fix of the finding `code` was done; the finding must be gone."""
    with Editor.open(folder) as editor:
        before = codes(findings(editor.state, item, context(folder)))
        fix = before[code].fix
        assert fix is not None
        assert fix.title
        editor.do(fix.command(folder))
        after = codes(findings(editor.state, item, context(folder)))
    assert code not in after
    return after


def expectation(**more: Any) -> Expectation:
    """The expectation of the made takes, changed."""
    return replace(cuespeak_take("t1", "a", s(8.0), "0").expectations[0], **more)


# ---------------------------------------------------------------------- the whole


def test_a_good_set_has_nothing_to_mend_and_says_what_is_right(folder: Path) -> None:
    state = read_set(folder)
    report = all_findings(state, context(folder))
    assert report.of_set == ()
    assert report.of_items == {"cs-0001": (), "cs-0002": ()}
    assert report.valid == ("cs-0001", "cs-0002")
    good = findings(state, ITEM, context(folder), good=True)
    assert [f.code for f in good] == ["windows", "clean", "quiet-room", "papers"]
    assert {f.severity for f in good} == {"good"}
    assert json.loads(json.dumps(report.to_json()))["valid"] == ["cs-0001", "cs-0002"]


def test_an_empty_set_says_what_it_lacks() -> None:
    found = codes(set_findings(ItemSet()))
    assert set(found) == {"no-item", "no-name", "no-version", "set-licence"}
    assert found["no-item"].severity == "error"


def test_findings_come_worst_first_and_each_is_three_sentences(folder: Path) -> None:
    found = tuple(
        changed(
            folder, SetItemField(ITEM, "category", ""), SetItemField(ITEM, "instruction", " "), SetField("licence", ""),
        ).values()
    )  # fmt: skip
    assert [f.severity for f in found] == sorted((f.severity for f in found), key=["error", "warning"].index)
    for one in found:
        assert one.what
        assert one.why.endswith(".")
        assert one.advice.endswith(".")
        assert str(one).startswith(one.what)
        assert one.where.item == ITEM
        assert one.to_json()["where"]["item"] == ITEM


def test_only_what_has_changed_is_looked_at_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = read_set(folder)
    kept = context(folder)
    all_findings(state, kept)
    seen: list[str] = []
    monkeypatch.setattr("tmlapp.bench.authoring.validate.CHECKS", (lambda case: seen.append(case.item.id) or iter(()),))
    all_findings(state, kept)
    assert seen == []
    items = (state.items[0], replace(state.items[1], category="other"))
    all_findings(replace(state, items=items), kept)
    assert seen == ["cs-0002"]
    all_findings(replace(state, licence=""), kept)
    assert seen == ["cs-0002", "cs-0001", "cs-0002"]


def test_sounds_wait_to_be_measured_unless_the_context_is_eager(folder: Path) -> None:
    state = read_set(folder)
    lazy = Context(folder, voice="energy")
    take = state.items[0].takes[0]
    assert lazy.unmeasured(state) == [i.takes[0] for i in state.items]
    assert findings(state, ITEM, lazy, good=True)[-1].code == "papers"
    assert lazy.measure(take) is not None
    assert lazy.unmeasured(state) == [state.items[1].takes[0]]
    assert "quiet-room" in codes(findings(state, ITEM, lazy, good=True))
    write_wav(folder / take.audio, take_sound(50))
    assert "sound-changed" not in codes(findings(state, ITEM, lazy))
    assert len(lazy.unmeasured(state)) == 2
    lazy.measure(take)
    assert "sound-changed" in codes(findings(state, ITEM, lazy))


def test_pictures_are_read_in_the_background_only(folder: Path) -> None:
    found = with_take(folder, video="takes/cs-0009/t1.mp4", video_sha256="0" * 64)
    assert "video-missing" in found
    (folder / "takes/cs-0009/t1.mp4").write_bytes(b"film")
    state, lazy = read_set(folder), Context(folder, voice="energy")
    assert codes(findings(state, "cs-0009", lazy)) == {}
    lazy.measure(state.item("cs-0009").takes[0])
    assert "video-changed" in codes(findings(state, "cs-0009", lazy))


def test_a_thousand_items_are_checked_and_gone_ones_forgotten(tmp_path: Path) -> None:
    state = many_items(1000)
    kept = Context(tmp_path)
    report = all_findings(state, kept)
    assert len(report.of_items) == 1000
    assert report.valid == ()
    fewer = replace(state, items=state.items[:3])
    assert len(all_findings(fewer, kept).of_items) == 3


# ---------------------------------------------------------------------- takes and files


def test_an_item_without_a_take_or_a_choice_is_an_error(folder: Path) -> None:
    with Editor.open(folder) as editor:
        editor.do(AddItem(ItemDraft(id="cs-0005", suite="cuespeak", category="c", lang="en", instruction="x y z")))
        found = codes(findings(editor.state, "cs-0005", context(folder), good=True))
        assert found["no-take"].severity == "error"
        editor.do(ChooseBest(ITEM, None))
    after = mended(folder, ITEM, "no-best")
    assert after == {}


def test_a_missing_or_changed_sound_is_an_error_with_its_name(folder: Path) -> None:
    state = read_set(folder)
    path = folder / state.items[0].takes[0].audio
    data = path.read_bytes()
    path.unlink()
    found = codes(findings(state, ITEM, context(folder)))
    assert found["sound-missing"].severity == "error"
    assert "takes/cs-0001/t1.wav" in found["sound-missing"].why
    write_wav(path, take_sound(77))
    assert codes(findings(state, ITEM, context(folder)))["sound-changed"].severity == "error"
    path.write_bytes(data[:1000])
    assert {"sound-changed", "sound-damaged"} <= set(codes(findings(state, ITEM, context(folder))))


def test_the_form_of_the_sound_is_checked(folder: Path, tmp_path: Path) -> None:
    from tmlapp.bench.authoring.media import digest

    with Editor.open(folder) as editor:
        for n, (rate, channels, code) in enumerate(((8_000, 1, "sound-rate"), (16_000, 2, "sound-form"))):
            name = f"cs-01{n:02d}"
            path = write_wav(folder / f"takes/{name}/t1.wav", take_sound(n), rate=rate, channels=channels)
            take = cuespeak_take("t1", f"takes/{name}/t1.wav", s(8.0), digest(path))
            draft = ItemDraft(id=name, suite="cuespeak", category="c", lang="en", takes=(take,), best="t1")
            editor.do(AddItem(draft))
            assert codes(findings(editor.state, name, context(folder)))[code].severity == "error"
        shorter = write_wav(folder / "takes/cs-0200/t1.wav", take_sound(8, 9.0))
        take = cuespeak_take("t1", "takes/cs-0200/t1.wav", s(8.0), digest(shorter))
        editor.do(AddItem(ItemDraft(id="cs-0200", suite="cuespeak", takes=(take,), best="t1")))
        assert codes(findings(editor.state, "cs-0200", context(folder)))["sound-length"].severity == "error"


def test_a_missing_or_changed_video_is_an_error(folder: Path) -> None:
    found = with_take(folder, video="takes/cs-0009/t1.mp4", video_sha256="0" * 64)
    assert found["video-missing"].where.field == "video"
    (folder / "takes/cs-0009/t1.mp4").write_bytes(b"film")
    state = read_set(folder)
    assert "video-changed" in codes(findings(state, "cs-0009", context(folder)))


# ---------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("name", "value", "code", "severity"),
    [
        ("category", "", "no-category", "error"),
        ("lang", "", "no-language", "error"),
        ("lang", "English!", "language-form", "warning"),
        ("instruction", "  ", "no-instruction", "warning"),
        ("extra", "[1]", "extra-form", "error"),
        ("extra", "{", "extra-form", "error"),
        ("notes", "half \ud800", "text-broken", "error"),
    ],
)
def test_each_member_of_an_item_is_looked_at_and_mended(
    folder: Path, name: Any, value: str, code: str, severity: str
) -> None:
    found = changed(folder, SetItemField(ITEM, name, value))
    assert (found[code].severity, found[code].where.field) == (severity, name)
    assert mended(folder, ITEM, code) == {}


def test_a_licence_of_the_set_or_of_the_item_will_do(folder: Path) -> None:
    found = changed(folder, SetField("licence", ""))
    assert found["no-licence"].severity == "error"
    assert "no-licence" not in changed(folder, SetItemField(ITEM, "licence", "CC0-1.0"))


def test_non_ascii_and_very_long_texts_are_fine(folder: Path) -> None:
    long = "とても長い指示。" * 20_000
    found = changed(
        folder, SetItemField(ITEM, "instruction", long), SetItemField(ITEM, "lang", "ja-JP"),
        SetExpectation(ITEM, "t1", "e1", expectation(meaning="sagt „Fenster“ 🪟" * 1000)),
    )  # fmt: skip
    assert found == {}


def test_broken_characters_in_expectations_and_words_are_found(folder: Path) -> None:
    bad = expectation(meaning="half \udc00", accept=("ok", "\ud800"))
    found = changed(folder, SetExpectation(ITEM, "t1", "e1", bad))
    assert found["text-broken"].where.expectation == "e1"
    assert mended(folder, ITEM, "text-broken") == {}
    word = UserWord(Span(s(3), s(7)), "broken \ud800")
    found = with_take(folder, user_words=(word,))
    assert found["text-broken"].where.span == word.span
    assert found["text-broken"].fix is None


def test_items_in_which_nearly_the_same_is_said_name_each_other(folder: Path) -> None:
    text, script = read_set(folder).item("cs-0002").instruction, "Yesterday, I saw a Handschuh on the fence!"
    found = changed(folder, SetItemField(ITEM, "instruction", text), SetItemField(ITEM, "script", script))
    assert found["instruction-alike"].where.other == "cs-0002"
    assert "the same as" in found["instruction-alike"].what
    found = changed(folder, SetItemField(ITEM, "instruction", text.replace("adjective", "adjectives")))
    assert "much like" in found["instruction-alike"].what
    assert "instruction-alike" in changed(folder, item="cs-0002")


def test_one_instruction_for_many_scripts_is_no_copy(folder: Path) -> None:
    text = read_set(folder).item("cs-0002").instruction
    script = "While we were waiting for the train somebody asked me for a Zeitung and I had none left"
    assert changed(folder, SetItemField(ITEM, "instruction", text), SetItemField(ITEM, "script", script)) == {}
    bare = changed(folder, SetItemField(ITEM, "script", ""), SetItemField("cs-0002", "script", ""))
    assert "instruction-alike" in bare


# ---------------------------------------------------------------------- speakers


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        ({"consent": False}, "no-consent", "error"),
        ({"consent_date": ""}, "consent-date", "warning"),
        ({"consent_date": "yesterday"}, "consent-date", "warning"),
        ({"language": ""}, "no-language", "warning"),
        ({"device": " "}, "no-device", "warning"),
        ({"room": ""}, "no-room", "warning"),
        ({"id": "anna-schmidt"}, "speaker-name", "warning"),
    ],
)
def test_what_is_missing_about_a_speaker_is_told_with_the_item_and_with_the_set(
    folder: Path, change: dict[str, Any], code: str, severity: str
) -> None:
    speaker = replace(SPEAKERS[0], **change)
    found = changed(folder, SetSpeaker("s-001", speaker))
    assert (found[code].severity, found[code].where.speaker) == (severity, speaker.id)
    assert code in codes(set_findings(read_set(folder)))
    if found[code].fix:
        assert mended(folder, ITEM, code) == {}


def test_a_take_without_a_speaker_is_a_warning_that_one_click_mends_where_there_is_one_speaker(folder: Path) -> None:
    found = changed(folder, SetTakeSpeaker(ITEM, "t1", ""))
    assert found["no-speaker"].fix is None
    alone = new_set(folder.parent / "alone", 1, speakers=SPEAKERS[:1])
    changed(alone, SetTakeSpeaker(ITEM, "t1", ""))
    assert mended(alone, ITEM, "no-speaker") == {}


@pytest.mark.parametrize(
    ("name", "is_name"),
    [
        ("s-014", False), ("speaker-a", False), ("p7", False), ("voice-b", False), ("x", False), ("spk12-home", False),
        ("anna", True), ("john-smith", True), ("anna.smith@example.org", True), ("anna-gmail-com", True),
        ("anna7-gmail", True),
    ],
)  # fmt: skip
def test_real_names_are_told_from_pseudonyms(name: str, is_name: bool) -> None:
    assert looks_like_a_name(name) is is_name


# ---------------------------------------------------------------------- expectations and windows


def test_an_item_needs_an_expectation_that_is_required_and_means_something(folder: Path) -> None:
    assert with_take(folder, expectations=())["no-expectation"].severity == "error"
    found = changed(folder, SetExpectation(ITEM, "t1", "e1", expectation(required=False, meaning=" ")))
    assert found["no-meaning"].where.expectation == "e1"
    assert found["no-required"].severity == "error"
    assert set(mended(folder, ITEM, "no-required")) == {"no-meaning"}


def test_the_span_of_the_instruction_is_guessed_from_the_first_phrase(folder: Path) -> None:
    found = with_take(folder, instruction=None)
    span = found["no-instruction-span"].where.span
    assert span is not None
    assert span.t0 == pytest.approx(s(0.3), abs=s(0.1))
    assert span.t1 <= s(4.0)
    assert mended(folder, "cs-0009", "no-instruction-span") == {}
    quiet = with_take(new_set(folder.parent / "q", 0), instruction=None, pcm=room(8.0))
    assert quiet["no-instruction-span"].fix is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"window": Span(s(4.3), s(17.0))}, "window-late"),
        ({"window": Span(s(14.0), s(17.9))}, "window-late"),
        ({"window": Span(s(4.5), s(4.7))}, "window-narrow"),
        ({"window": Span(s(5.0), s(7.0))}, "window-without-ref"),
        ({"window": Span(s(2.0), s(7.0))}, "window-before-told"),
        ({"window": Span(s(3.0), s(7.0))}, "window-before-cue"),
        ({"t_ref": s(5.0)}, "ref-not-cue"),
        ({"while_user_speaks": False}, "while-speaking"),
        ({"while_user_speaks": None}, "while-speaking"),
    ],
)
def test_each_fault_of_a_window_is_found_and_mended(folder: Path, change: dict[str, Any], code: str) -> None:
    found = changed(folder, SetExpectation(ITEM, "t1", "e1", expectation(**change)))
    assert found[code].where.expectation == "e1"
    assert found[code].severity == "warning"
    mended(folder, ITEM, code)


@pytest.mark.parametrize(
    ("window", "code"),
    [(Span(s(5), s(5)), "window-order"), (Span(-5, s(5)), "window-outside"), (Span(s(4), s(19)), "window-outside")],
)
def test_windows_that_no_command_would_make_are_errors(folder: Path, window: Span, code: str) -> None:
    state = read_set(folder)
    item = state.items[0]
    take = replace(item.takes[0], expectations=(expectation(window=window),))
    broken = replace(state, items=(replace(item, takes=(take,)), state.items[1]))
    found = codes(findings(broken, ITEM, context(folder)))
    assert found[code].severity == "error"
    fix = found[code].fix
    assert fix is not None
    after = fix.command(folder).apply(replace(broken))
    assert code not in codes(findings(after, ITEM, context(folder)))


def test_a_due_moment_is_a_moment(folder: Path) -> None:
    timed = expectation(kind="time", cue=Span(s(5.0), s(5.2)), t_ref=s(5.2), window=Span(s(4.7), s(6.7)))
    found = changed(folder, SetItemField(ITEM, "suite", "timespeak"), SetExpectation(ITEM, "t1", "e1", timed))
    assert set(found) == {"ref-not-cue"}
    assert mended(folder, ITEM, "ref-not-cue") == {}


def test_what_is_expected_after_the_stop_can_be_removed(folder: Path) -> None:
    late = expectation(id="e2", cue=Span(s(6.5), s(7.0)), t_ref=s(7.0), window=Span(s(6.8), s(7.9)), meaning="cat")
    found = with_take(folder, stop=s(6.5), expectations=(expectation(), late))
    assert found["window-after-stop"].where.expectation == "e2"
    mended(folder, "cs-0009", "window-after-stop")


def test_windows_of_one_meaning_that_overlap_are_cut_apart(folder: Path) -> None:
    second = expectation(id="e2", cue=Span(s(5.0), s(5.5)), t_ref=s(5.5), window=Span(s(5.2), s(7.6)))
    other = expectation(id="e3", meaning="something else")
    found = changed(folder, AddExpectation(ITEM, "t1", second), AddExpectation(ITEM, "t1", other))
    assert found["windows-overlap"].where.span == Span(s(5.2), s(7.2))
    mended(folder, ITEM, "windows-overlap")
    window = read_set(folder).items[0].takes[0].expectation("e1").window
    assert window == Span(s(4.3), s(5.2) - 1)


def test_cuespeak_without_the_users_words_in_the_window_says_whether_there_is_voice(folder: Path) -> None:
    found = with_take(folder, user_words=(UserWord(Span(s(3), s(4)), "I saw"),), expectations=(expectation(),))
    assert "There is voice" in found["no-overlap"].why
    silent = expectation(window=Span(s(7.6), s(9.0)), cue=Span(s(7.0), s(7.7)), t_ref=s(7.7), while_user_speaks=None)
    found = with_take(new_set(folder.parent / "b", 0), expectations=(silent,))
    assert "silent" in found["no-overlap"].why
    assert found["no-overlap"].severity == "warning"


# ---------------------------------------------------------------------- sound


def louder(change: Callable[[np.ndarray[Any, Any]], None], seconds: float = 8.0) -> Any:
    sound = take_sound(5, seconds).astype(np.int32)
    change(sound)
    return np.clip(sound, -32768, 32767).astype(np.int16)


def test_clipping_leads_to_its_first_place(folder: Path) -> None:
    def clip(sound: Any) -> None:
        sound[s(1.0) : s(1.0) + 8] = 40_000
        sound[s(2.0) : s(2.0) + 8] = -40_000

    found = with_take(folder, pcm=louder(clip))
    assert found["clipping"].where.span == Span(s(1.0), s(1.0) + 8)
    assert "2 times" in found["clipping"].what


def test_noise_offset_and_quiet_speech_are_warnings(folder: Path) -> None:
    def spoil(sound: Any) -> None:
        sound[:] = sound // 40 + 1000 + np.random.default_rng(1).normal(0, 8, len(sound)).astype(np.int32)

    found = with_take(folder, pcm=louder(spoil))
    assert {"dc-offset", "no-voice"} <= set(found)
    assert {f.severity for f in found.values()} == {"warning"}
    found = with_take(new_set(folder.parent / "b", 0), pcm=take_sound(5) // 24)
    assert "quiet" in found


def test_a_low_snr_and_rising_noise_are_told_with_their_figures(folder: Path) -> None:
    state = read_set(folder)
    kept = context(folder, limits=Limits(snr_least_db=60.0))
    assert "SNR" in codes(findings(state, ITEM, kept))["noise"].what

    def rise(sound: Any) -> None:
        sound[s(7.6) :] += np.random.default_rng(2).normal(0, 24, len(sound) - s(7.6)).astype(np.int32)

    found = with_take(folder, pcm=louder(rise))
    assert found["noise-rise"].what == "Noise rises in the last 0.4 s"
    span = found["noise-rise"].where.span
    assert span is not None
    assert span.t1 == s(8.0)


def test_leading_silence_is_trimmed_as_a_new_take_with_everything_moved_along(folder: Path) -> None:
    by = s(3.0)
    expected = expectation(
        cue=Span(s(7.0), s(7.6)), t_ref=s(7.6), window=Span(s(7.3), s(10.2)),
    )  # fmt: skip
    found = with_take(
        folder, pcm=np.concatenate((room(3.0, 4), take_sound(5))), instruction=Span(s(3.3), s(5.4)),
        user_words=(UserWord(Span(s(6.0), s(10.4)), "I saw a mariposa"),), expectations=(expected,),
    )  # fmt: skip
    assert found["lead-silence"].fix is not None
    assert mended(folder, "cs-0009", "lead-silence") == {}
    item = read_set(folder).item("cs-0009")
    take = item.best_take
    assert take is not None
    assert (take.id, len(item.takes)) == ("t2", 2)
    assert take.instruction is not None
    cut = s(3.3) - take.instruction.t0
    assert cut == pytest.approx(by, abs=s(0.1))
    assert take.samples == s(11.0) - cut
    assert take.expectations[0].window == Span(s(7.3) - cut, s(10.2) - cut)
    assert take.user_words[0].span.t0 == s(6.0) - cut


def test_silence_after_everything_is_trimmed_too(folder: Path) -> None:
    found = with_take(folder, pcm=np.concatenate((take_sound(5), room(14.0, 4))), stop=s(7.8))
    assert found["trail-silence"].where.span == Span(s(7.8), s(22.0))
    assert mended(folder, "cs-0009", "trail-silence") == {}
    take = read_set(folder).item("cs-0009").best_take
    assert take is not None
    assert (take.samples, take.stop) == (s(8.8), s(7.8))


def test_a_take_with_pictures_is_not_trimmed_by_a_click(folder: Path) -> None:
    found = with_take(folder, pcm=np.concatenate((take_sound(5), room(14.0, 4))), video="takes/cs-0009/t1.mp4")
    assert found["trail-silence"].fix is None


def test_a_trim_that_cannot_read_its_sound_is_told(folder: Path) -> None:
    found = with_take(folder, pcm=np.concatenate((take_sound(5), room(14.0, 4))))
    (folder / "takes/cs-0009/t1.wav").unlink()
    fix = found["trail-silence"].fix
    assert fix is not None
    with pytest.raises(AppError, match="cannot be read"):
        fix.command(folder)
    with pytest.raises(RuntimeError):
        Fix("nothing").command(folder)


def test_copies_of_a_sound_are_found_in_both_items(folder: Path) -> None:
    found = changed(folder, DuplicateItem(ITEM, "cs-0004", takes=True))
    assert found["sound-copy"].where.other == "cs-0004"
    assert "sound-copy" in changed(folder, item="cs-0004")
    quieter = (take_sound(1) // 4).astype(np.int16)
    found = with_take(folder, pcm=quieter, item={"instruction": "something of its own"})
    assert found["sound-alike"].where.other == "cs-0002"
    assert "no duplicate" not in " ".join(f.what for f in found.values())


def test_what_the_loader_refuses_is_an_error_in_its_words(folder: Path) -> None:
    state = read_set(folder)
    item = state.items[0]
    take = replace(item.takes[0], user_words=(UserWord(Span(s(5), s(4)), "backwards"),))
    broken = replace(state, items=(replace(item, takes=(take,)),))
    assert "lies before" in codes(own_findings(broken, broken.items[0], context(folder)))["not-loadable"].why


def test_a_speaker_that_is_gone_is_nobody(folder: Path) -> None:
    changed(folder, AddSpeaker(Speaker("s-009")))
    state = replace(read_set(folder), speakers=SPEAKERS[1:2])
    with pytest.raises(KeyError):
        findings(state, "nobody", context(folder))
