"""Tiers through the formats of other programs, checked with those programs' own libraries and with odd texts."""

from __future__ import annotations

import codecs
import warnings
from datetime import UTC, datetime
from pathlib import Path

import parselmouth
import pympi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid as praatio

from tmlapp.bench.interchange.eaf import eaf_text, write_eaf
from tmlapp.bench.interchange.eaf_read import parse_eaf, read_eaf
from tmlapp.bench.interchange.files import read_tiers, write_tiers
from tmlapp.bench.interchange.table import csv_text, parse_csv
from tmlapp.bench.interchange.textfiles import FormError, read_text, write_text
from tmlapp.bench.interchange.textgrid import parse_textgrid, read_textgrid, textgrid_text, write_textgrid
from tmlapp.bench.interchange.tiers import Span, Tier, Tiers, fitted, ns_of, seconds_text
from tmlapp.bench.interchange.webvtt import parse_webvtt, webvtt_text
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

SAMPLE_NS = 62_500
SAMPLES = (1, 16_001, 32_003, 47_999, 160_007)


def sample_tiers() -> Tiers:
    """Times on single samples, odd texts, moments, and a tier without anything."""
    a, b, c, d, e = (k * SAMPLE_NS for k in SAMPLES)
    return Tiers(
        (
            Tier("user words", (Span(a, b, 'she said "no"'), Span(b, c, "größer – 三"), Span(d, e, "two\nlines"))),
            Tier("windows", (Span(a, c, "e1: nine o'clock"), Span(d, e, "e2: <b>&amp;</b>"))),
            Tier("t_ref", (Span(b, b, "e1"), Span(d, d, "e2")), points=True),
            Tier("nothing", ()),
        ),
        20 * 16_000 * SAMPLE_NS,
        ("take 1.wav",),
    )


# ---------------------------------------------------------------- other libraries


@pytest.mark.parametrize("short", [False, True])
def test_praatio_and_praat_read_every_sample_of_a_textgrid(tmp_path: Path, short: bool) -> None:
    path = write_textgrid(tmp_path / "x.TextGrid", sample_tiers(), short=short)
    grid = praatio.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("user words", "windows", "t_ref", "nothing")
    assert round(grid.maxTimestamp * 16_000) == 20 * 16_000
    words = grid.getTier("user words").entries
    assert [(round(w.start * 16_000), round(w.end * 16_000), w.label) for w in words] == [
        (1, 16_001, 'she said "no"'), (16_001, 32_003, "größer – 三"), (47_999, 160_007, "two\nlines"),
    ]  # fmt: skip
    assert all(abs(w.start * 16_000 - round(w.start * 16_000)) < 1e-6 for w in words)
    assert [(round(p.time * 16_000), p.label) for p in grid.getTier("t_ref").entries] == [
        (16_001, "e1"),
        (47_999, "e2"),
    ]
    praat = parselmouth.read(str(path))
    call = parselmouth.praat.call
    assert call(praat, "Get number of tiers") == 4
    assert call(praat, "Get tier name", 2) == "windows"
    assert call(praat, "Get label of interval", 1, 2) == 'she said "no"'
    assert call(praat, "Get start time of interval", 1, 3) * 16_000 == pytest.approx(16_001, abs=1e-6)
    assert call(praat, "Get label of point", 3, 2) == "e2"


@pytest.mark.parametrize("how", ["Save as text file", "Save as short text file"])
def test_what_praat_saves_comes_back_sample_exact(tmp_path: Path, how: str) -> None:
    ours = write_textgrid(tmp_path / "a.TextGrid", sample_tiers())
    theirs = tmp_path / "b.TextGrid"
    parselmouth.praat.call(parselmouth.read(str(ours)), how, str(theirs))
    assert read_textgrid(theirs).tiers == sample_tiers().tiers


def test_what_praatio_saves_comes_back_sample_exact(tmp_path: Path) -> None:
    ours = write_textgrid(tmp_path / "a.TextGrid", sample_tiers())
    grid = praatio.openTextgrid(str(ours), includeEmptyIntervals=True)
    for layout in ("long_textgrid", "short_textgrid"):
        grid.save(str(tmp_path / "b.TextGrid"), format=layout, includeBlankSpaces=True)
        assert read_textgrid(tmp_path / "b.TextGrid").tiers == sample_tiers().tiers


def test_pympi_reads_an_eaf_with_the_samples_beside_the_milliseconds(tmp_path: Path) -> None:
    path = write_eaf(tmp_path / "x.eaf", sample_tiers())
    eaf = pympi.Elan.Eaf(str(path))
    assert list(eaf.get_tier_names()) == [
        "user words", "user words exact", "windows", "windows exact",
        "t_ref", "t_ref exact", "nothing", "nothing exact",
    ]  # fmt: skip
    words = sorted(eaf.get_annotation_data_for_tier("user words"))
    assert [(a, b, text) for a, b, text in words] == [
        (0, 1000, 'she said "no"'), (1000, 2000, "größer – 三"), (3000, 10000, "two\nlines"),
    ]  # fmt: skip
    exact = sorted(eaf.get_ref_annotation_data_for_tier("user words exact"))
    assert [round(float(t) * 16_000, 6) for _, _, both, _ in exact for t in both.split()] == [
        1, 16_001, 16_001, 32_003, 47_999, 160_007,
    ]  # fmt: skip
    assert [m["RELATIVE_MEDIA_URL"] for m in eaf.get_linked_files()] == ["./take%201.wav"]
    assert eaf.get_parameters_for_tier("windows exact")["PARENT_REF"] == "windows"
    assert eaf.get_parameters_for_linguistic_type("tmlapp-exact")["CONSTRAINTS"] == "Symbolic_Association"


def test_what_pympi_saves_comes_back_sample_exact(tmp_path: Path) -> None:
    eaf = pympi.Elan.Eaf(str(write_eaf(tmp_path / "a.eaf", sample_tiers())))
    eaf.to_file(str(tmp_path / "b.eaf"))
    found = {t.name: t for t in read_eaf(tmp_path / "b.eaf").tiers}
    assert found == {t.name: t for t in sample_tiers().tiers}


def test_a_file_of_pympi_is_read(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        eaf = pympi.Elan.Eaf()
        eaf.add_tier("words")
        eaf.add_annotation("words", 100, 350, "eins")
        eaf.to_file(str(tmp_path / "x.eaf"))
    found = read_eaf(tmp_path / "x.eaf")
    assert found.tier("words") == Tier("words", (Span(100_000_000, 350_000_000, "eins"),))


# ---------------------------------------------------------------- round trips

_times = st.integers(0, 3_000_000).map(lambda k: k * SAMPLE_NS)
_texts = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cn")) | st.sampled_from("\"'<>&!\n\t;,∀"), min_size=1, max_size=30
)
_labels = _texts.filter(lambda t: t != "∅")


@st.composite
def tiers_made(draw: st.DrawFn) -> Tiers:
    """Tiers whose spans overlap as they like."""
    names = draw(st.lists(_texts.filter(lambda t: t.strip() == t), min_size=1, max_size=3, unique=True))
    tiers = []
    for name in names:
        points = draw(st.booleans())
        spans = []
        for t0, length, text in draw(st.lists(st.tuples(_times, st.integers(1, 50_000), _labels), max_size=6)):
            spans.append(Span(t0, t0 if points else t0 + length * SAMPLE_NS, text))
        tiers.append(Tier(name, tuple(sorted(spans)), points and bool(spans)))
    return Tiers(tuple(tiers), draw(_times))


def spans_of(tiers: Tiers) -> list[tuple[int, int, str]]:
    return sorted((s.t0_ns, s.t1_ns, s.text) for t in tiers.tiers for s in t.spans)


@settings(max_examples=50)
@given(tiers_made(), st.booleans())
def test_a_textgrid_comes_back_whatever_is_in_it(tiers: Tiers, short: bool) -> None:
    got = parse_textgrid(textgrid_text(tiers, short=short))
    assert got.tiers == fitted(tiers, moments=False).tiers
    assert spans_of(got) == spans_of(tiers)


@settings(max_examples=50)
@given(tiers_made())
def test_an_eaf_comes_back_whatever_is_in_it(tiers: Tiers) -> None:
    got = parse_eaf(eaf_text(tiers).encode())
    assert spans_of(got) == spans_of(tiers)
    assert got.end_ns == tiers.end_ns
    assert [(t.points, bool(t.spans)) for t in got.tiers if t.spans] == [
        (t.points, True) for t in got.tiers if t.spans
    ]  # fmt: skip


@settings(max_examples=50)
@given(tiers_made())
def test_a_table_comes_back_whatever_is_in_it(tiers: Tiers) -> None:
    got = parse_csv(csv_text(tiers))
    assert spans_of(got) == spans_of(tiers)
    assert [t for t in got.tiers if t.spans] == [t for t in tiers.tiers if t.spans]


@settings(max_examples=50)
@given(tiers_made())
def test_captions_come_back_to_the_millisecond(tiers: Tiers) -> None:
    got = spans_of(parse_webvtt(webvtt_text(tiers)))
    expected = [(a, b, " ".join(text.split())) for a, b, text in spans_of(tiers) if text.strip()]
    assert len(got) == len(expected)
    assert sorted(t for _, _, t in got) == sorted(t for _, _, t in expected)
    for (a, _, _), (b, _, _) in zip(got, expected, strict=True):
        assert abs(a - b) <= 500_000


def test_spans_without_words_and_moments_among_intervals_are_kept_in_a_textgrid() -> None:
    tiers = Tiers((Tier("a", (Span(0, 10, ""), Span(10, 10, "now"), Span(10, 20, "x"))),), 20)
    text = textgrid_text(tiers)
    assert '"∅"' in text
    assert parse_textgrid(text).tiers == (
        Tier("a", (Span(0, 10, ""), Span(10, 20, "x"))),
        Tier("a (moments)", (Span(10, 10, "now"),), points=True),
    )
    assert parse_textgrid(text).gathered("a") == (Span(0, 10, ""), Span(10, 10, "now"), Span(10, 20, "x"))


def test_what_overlaps_goes_to_further_tiers_with_names_of_their_own() -> None:
    tiers = Tiers((Tier("a", (Span(0, 10, "x"), Span(5, 15, "y"))), Tier("a 2", (Span(1, 2, "z"),)), Tier("a", ())))
    assert fitted(tiers).names == ("a", "a 2", "a 2 2", "a 3")


def test_an_exact_tier_takes_a_name_that_is_free() -> None:
    tiers = Tiers((Tier("a", (Span(0, 10, "x"),)), Tier("a exact", (Span(0, 10, "y"),))), 20)
    assert parse_eaf(eaf_text(tiers).encode()).tiers == tiers.tiers


def test_times_before_the_beginning_make_the_file_begin_earlier() -> None:
    tiers = Tiers((Tier("a", (Span(-5, 10, "x"),)),), 20)
    assert parse_textgrid(textgrid_text(tiers)).tiers == tiers.tiers
    assert "xmin = -0.000000005" in textgrid_text(tiers)
    assert parse_eaf(eaf_text(tiers).encode()).tiers == tiers.tiers


def test_nothing_at_all_is_a_file_too() -> None:
    assert parse_textgrid(textgrid_text(Tiers())).tiers == ()
    assert parse_textgrid('"ooTextFile" "TextGrid" 0 1 <absent>').tiers == ()
    assert parse_eaf(eaf_text(Tiers()).encode()) == Tiers()
    assert parse_csv(csv_text(Tiers())) == Tiers()
    assert parse_webvtt(webvtt_text(Tiers())) == Tiers()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_textgrid_is_read_in_every_encoding_that_praat_writes(tmp_path: Path, encoding: str, ends: str) -> None:
    path = tmp_path / "x.TextGrid"
    path.write_bytes(textgrid_text(sample_tiers()).replace("\n", ends).encode(encoding))
    found = read_textgrid(path).tier("user words")
    assert found is not None
    assert found.spans[1] == sample_tiers().tiers[0].spans[1]


def test_comments_flags_and_decoration_of_praat_are_passed_over() -> None:
    text = (
        '"ooTextFile" ! a comment with "quotes"\nObject class="TextGrid"\n0 2.5 <exists> 1 tier\n'
        'class = "IntervalTier" name="a"! here\n 0 2.5e0 2\n 0 1 "one" and 1 2.5 ""'
    )
    assert parse_textgrid(text) == Tiers((Tier("a", (Span(0, 10**9, "one"),)),), 2_500_000_000)


# ---------------------------------------------------------------- edits in ELAN


def edited(tiers: Tiers, old: str, new: str) -> Tiers:
    text = eaf_text(tiers, when=datetime(2026, 1, 1, tzinfo=UTC))
    assert text.count(old) == 1
    return parse_eaf(text.replace(old, new).encode())


def test_an_edge_that_was_moved_in_elan_counts_and_the_other_one_stays_exact() -> None:
    tiers = Tiers((Tier("a", (Span(1_000_062_500, 2_000_062_500, "x"),)),), 5 * 10**9)
    assert edited(tiers, 'TIME_VALUE="1000"', 'TIME_VALUE="1200"').tiers[0].spans == (
        Span(1_200_000_000, 2_000_062_500, "x"),
    )
    assert edited(tiers, 'TIME_VALUE="2000"', 'TIME_VALUE="1900"').tiers[0].spans == (
        Span(1_000_062_500, 1_900_000_000, "x"),
    )
    assert edited(tiers, ">x<", ">y<").tiers[0].spans == (Span(1_000_062_500, 2_000_062_500, "y"),)
    assert edited(tiers, "1.0000625 2.0000625", "somebody wrote here").tiers[0].spans == (Span(10**9, 2 * 10**9, "x"),)


def test_a_moment_that_was_moved_or_made_longer_in_elan() -> None:
    tiers = Tiers((Tier("a", (Span(1_000_062_500, 1_000_062_500, "x"),), points=True),), 5 * 10**9)
    text = eaf_text(tiers)
    moved = text.replace('TIME_VALUE="1000"', 'TIME_VALUE="1300"').replace('TIME_VALUE="1001"', 'TIME_VALUE="1301"')
    assert parse_eaf(moved.encode()).tiers == (Tier("a", (Span(1_300_000_000, 1_300_000_000, "x"),), points=True),)
    longer = text.replace('TIME_VALUE="1001"', 'TIME_VALUE="1500"')
    assert parse_eaf(longer.encode()).tiers == (Tier("a", (Span(10**9, 1_500_000_000, "x"),)),)


def test_slots_without_a_time_lie_between_their_neighbours_and_child_tiers_have_the_times_of_their_parents() -> None:
    def alignable(n: int, a: int, b: int, text: str) -> str:
        return (
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{n}" TIME_SLOT_REF1="t{a}" TIME_SLOT_REF2="t{b}">'
            f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        )

    def ref(n: int, parent: int, text: str) -> str:
        return (
            f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a{n}" ANNOTATION_REF="a{parent}">'
            f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
        )

    text = (
        '<ANNOTATION_DOCUMENT><HEADER/><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="100"/>'
        '<TIME_SLOT TIME_SLOT_ID="t2"/><TIME_SLOT TIME_SLOT_ID="t3" TIME_VALUE="300"/><TIME_SLOT TIME_SLOT_ID="t4"/>'
        f'</TIME_ORDER><TIER TIER_ID="w">{alignable(1, 1, 2, "eins")}{alignable(2, 2, 3, "zwei")}</TIER>'
        f'<TIER TIER_ID="g" PARENT_REF="w">{ref(4, 3, "two!")}</TIER>'
        f'<TIER TIER_ID="h" PARENT_REF="w">{ref(3, 2, "two")}</TIER></ANNOTATION_DOCUMENT>'
    )
    found = parse_eaf(text.encode())
    ms = 1_000_000
    assert found.tiers == (
        Tier("w", (Span(100 * ms, 200 * ms, "eins"), Span(200 * ms, 300 * ms, "zwei"))),
        Tier("g", (Span(200 * ms, 300 * ms, "two!"),)),
        Tier("h", (Span(200 * ms, 300 * ms, "two"),)),
    )
    assert found.end_ns == 300 * ms


# ---------------------------------------------------------------- malformed


BAD_TEXTGRIDS = {
    "": "ends where",
    "ooBinaryFile\x08TextGrid": "binary file",
    '"ooTextFile" "Sound" 0 1': "it is a \"Sound\"",
    '"ooTextFile"\n"TextGrid"\n0\nx = 1\n<exists>\n1\n"Other" "n" 0 1 0': "no kind of tier",
    '"ooTextFile"\n"TextGrid"\n0\n1\n<exists>\n1.5': "the number of tiers",
    '"ooTextFile"\n"TextGrid"\n0\n1\n<exists>\n99999999999': "ends where",
    '"ooTextFile"\n"TextGrid"\n0\n1e30': "no number of seconds",
    '"ooTextFile"\n"TextGrid"\n0\n1\n<exists>\n1\n"IntervalTier"\n"n"\n0\n1\n1\n1\n0.5\n"x"': "before it begins",
    '"ooTextFile"\n"TextGrid"\n0\n1\n<exists>\n1\n"IntervalTier"\n"n': "no end",
}  # fmt: skip


@pytest.mark.parametrize(("text", "why"), list(BAD_TEXTGRIDS.items()))
def test_a_malformed_textgrid_is_refused(text: str, why: str) -> None:
    with pytest.raises(FormError, match=why):
        parse_textgrid(text)


def test_the_error_of_a_textgrid_names_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.TextGrid"
    path.write_text(textgrid_text(sample_tiers()).replace('text = "größer – 三"', "text = 12"), encoding="utf-8")
    line = path.read_text(encoding="utf-8").splitlines().index("            text = 12 ") + 1
    with pytest.raises(AppError, match=f"bad.TextGrid, line {line}, is not valid TextGrid"):
        read_textgrid(path)


@given(st.integers(0, 2_000))
def test_a_textgrid_cut_anywhere_is_refused_or_read(at: int) -> None:
    text = textgrid_text(sample_tiers())
    lines: list[int] = []
    try:
        parse_textgrid(text[:at])
    except FormError as error:
        lines.append(error.line)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>"
)
XXE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>\n<ANNOTATION_DOCUMENT>&f;</ANNOTATION_DOCUMENT>'
_DOC = "<ANNOTATION_DOCUMENT>{}</ANNOTATION_DOCUMENT>"
_SLOT = '<TIME_SLOT TIME_SLOT_ID="t{}" TIME_VALUE="{}"/>'
_SLOTS = f"<TIME_ORDER>{_SLOT.format(1, 5)}{_SLOT.format(2, 1)}</TIME_ORDER>"
BAD_EAFS = {
    BOMB: "document type",
    XXE: "document type",
    "<!DOCTYPE x SYSTEM 'http://example.org/x.dtd'><ANNOTATION_DOCUMENT/>": "document type",
    "": "no XML",
    "<ANNOTATION_DOCUMENT>": "no XML",
    "<html/>": "not an ANNOTATION_DOCUMENT",
    '<?xml version="1.0" encoding="klingon"?><ANNOTATION_DOCUMENT/>': "encoding|no XML",
    "<a>" * 100: "too deeply",
    _DOC.format('<HEADER TIME_UNITS="PAL-frames"/>'): "PAL-frames",
    _DOC.format('<TIME_ORDER><TIME_SLOT TIME_VALUE="5"/></TIME_ORDER>'): "no TIME_SLOT_ID",
    _DOC.format('<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t" TIME_VALUE="nan"/></TIME_ORDER>'): "milliseconds",
    _DOC.format('<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t" TIME_VALUE="x"/></TIME_ORDER>'): "milliseconds",
    _DOC.format('<HEADER><PROPERTY NAME="tmlapp.end_s">long</PROPERTY></HEADER>'): "no number of seconds",
    _DOC.format('<TIER TIER_ID="x"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a" TIME_SLOT_REF1="t9" '
                'TIME_SLOT_REF2="t9"/></ANNOTATION></TIER>'): "no time slot",
    _DOC.format(_SLOTS + '<TIER TIER_ID="x"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a" TIME_SLOT_REF1="t1" '
                'TIME_SLOT_REF2="t2"/></ANNOTATION></TIER>'): "before it begins",
    _DOC.format('<TIER TIER_ID="x"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a" ANNOTATION_REF="a"/></ANNOTATION>'
                "</TIER>"): "or to itself",
    _DOC.format("<TIER/>"): "no TIER_ID",
}  # fmt: skip


@pytest.mark.parametrize(("text", "why"), list(BAD_EAFS.items()), ids=range(len(BAD_EAFS)))
def test_a_malformed_or_dangerous_eaf_is_refused(text: str, why: str) -> None:
    with pytest.raises(FormError, match=why):
        parse_eaf(text.encode())


def test_the_error_of_an_eaf_names_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.eaf"
    path.write_text(eaf_text(sample_tiers()).replace('TIME_VALUE="2000"', 'TIME_VALUE="soon"'), encoding="utf-8")
    line = next(n for n, t in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "soon" in t)
    with pytest.raises(AppError, match=f"bad.eaf, line {line}, is not valid EAF"):
        read_eaf(path)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a,b\r\n", 1, "column tier"),
        ("", 1, "column tier"),
        ("tier,kind,start_s,end_s,text\r\na,interval,0,1\r\n", 2, "missing"),
        ("tier,kind,start_s,end_s,text\r\na,interval,0,1,x\r\na,else,0,1,x\r\n", 3, "neither"),
        ("tier,kind,start_s,end_s,text\r\na,point,soon,1,x\r\n", 2, "no number"),
        ("tier,kind,start_s,end_s,text\r\na,point,2,1,x\r\n", 2, "before it begins"),
        ('tier,kind,start_s,end_s,text\r\na,point,2,2,"x', 2, "unexpected end"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(FormError, match=why) as told:
        parse_csv(text)
    assert told.value.line == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("WEBVT\n", 1),
        ("WEBVTT\n\nx --> y\nhi\n", 3),
        ("WEBVTT\n\n1\n00:02.000 --> 00:01.000\nhi\n", 4),
    ],
)
def test_malformed_captions_are_refused_with_their_line(text: str, line: int) -> None:
    with pytest.raises(FormError) as told:
        parse_webvtt(text)
    assert told.value.line == line


def test_captions_of_other_programs_are_read() -> None:
    text = (
        "\ufeffWEBVTT - some title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE a --> b would be a time\n\n"
        "00:01.500 --> 00:02.000 align:start position:0%\n<i>Hello</i> &amp; good\nmorning\r\n\r\n"
        "x\n01:00:00.000 --> 01:00:01.000\n<v.loud Anna>Yes.</v>"
    ).removeprefix("\ufeff")
    found = parse_webvtt(text.replace("NOTE a --> b would be a time\n\n", "NOTE words\n\n"))
    assert found.tiers == (
        Tier("captions", (Span(1_500_000_000, 2_000_000_000, "Hello & good\nmorning"),)),
        Tier("Anna", (Span(3_600 * 10**9, 3_601 * 10**9, "Yes."),)),
    )


# ---------------------------------------------------------------- files


def test_the_name_of_a_file_tells_its_format(tmp_path: Path) -> None:
    for name in ("x.TextGrid", "x.eaf", "x.vtt", "x.csv"):
        path = write_tiers(tmp_path / name, sample_tiers())
        assert read_tiers(path).names[0] == "user words"
        with pytest.raises(AppError, match="there already"):
            write_tiers(path, Tiers())
        write_tiers(path, Tiers(), force=True)
    for use in (read_tiers, lambda p: write_tiers(p, Tiers())):
        with pytest.raises(AppError, match="no file of tiers"):
            use(tmp_path / "x.doc")


def test_damaged_tables_and_captions_are_errors_that_name_the_line(tmp_path: Path) -> None:
    for name in ("x.csv", "x.vtt"):
        (tmp_path / name).write_text("nonsense", encoding="utf-8")
        with pytest.raises(AppError, match="line 1, is not valid"):
            read_tiers(tmp_path / name)


def test_a_file_that_cannot_be_read_or_written_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("x.TextGrid", "x.eaf"):
        with pytest.raises(AppError, match="cannot be read"):
            read_tiers(tmp_path / name)
    latin = tmp_path / "latin.TextGrid"
    latin.write_bytes(b"one\ntwo \xe4\n")
    with pytest.raises(AppError, match=r"latin\.TextGrid, line 2"):
        read_tiers(latin)
    with pytest.raises(AppError, match="cannot be written"):
        write_tiers(latin / "x.csv", Tiers())
    monkeypatch.setattr("tmlapp.bench.interchange.textfiles.LARGEST_BYTES", 5)
    monkeypatch.setattr("tmlapp.bench.interchange.eaf_read.LARGEST_BYTES", 5)
    for read in (read_textgrid, read_eaf):
        with pytest.raises(AppError, match="too large"):
            read(latin)


def test_half_a_surrogate_pair_does_not_lose_the_file(tmp_path: Path) -> None:
    path = write_text(tmp_path / "x.txt", "a\ud83d b")
    assert read_text(path) == "a\ufffd b"
    assert not path.read_bytes().startswith(codecs.BOM_UTF8)


def test_seconds_hold_every_nanosecond() -> None:
    assert [seconds_text(t) for t in (0, 62_500, -1, 10**9, 1_500_000_000)] == [
        "0", "0.0000625", "-0.000000001", "1", "1.5",
    ]  # fmt: skip
    assert ns_of("1.50000000049") == 1_500_000_000
    for text in ("nan", "inf", "1e10", "x", ""):
        with pytest.raises(ValueError, match="no number"):
            ns_of(text)


@pytest.mark.parametrize("text", ["1e999999999", "9" * 1_000_000, "-1E+1000000", "1e1000001"])
def test_a_time_beyond_all_measure_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="no number of seconds"):
        ns_of(text)


@pytest.mark.parametrize("said", ["<" * 1_000_000, "<v" + " " * 1_000_000, "<v " * 300_000])
def test_tags_without_an_end_cost_no_more_than_their_length(said: str) -> None:
    """Quadratic time would be hours."""
    (tier,) = parse_webvtt(f"WEBVTT\n\n00:00.000 --> 00:01.000\n{said}\n").tiers
    assert (tier.name, len(tier.spans)) == ("captions", 1)


def test_hours_of_thousands_of_digits_are_no_time_of_a_caption() -> None:
    with pytest.raises(FormError, match="no times"):
        parse_webvtt(f"WEBVTT\n\n{'9' * 5000}:00:00.000 --> {'9' * 5000}:00:01.000\nx\n")


def test_a_file_of_more_elements_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.bench.interchange.eaf_read._MOST", 100)
    with pytest.raises(FormError, match="more than 100 elements"):
        parse_eaf(b"<ANNOTATION_DOCUMENT>" + b"<a/>" * 100 + b"</ANNOTATION_DOCUMENT>")
