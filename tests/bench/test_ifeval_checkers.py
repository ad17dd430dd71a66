from __future__ import annotations

import importlib.metadata
import random
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.suites import ifeval_checkers
from tmlapp.bench.suites.ifeval_checkers import NEEDS_SENTENCES, Checkers, SeededRandom, _Apart
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

SENTENCES, CAPITALS = "length_constraints:number_sentences", "change_case:capital_word_frequency"
TRAINING = "Dr. Smith went home. He met Mr. Jones. They spoke. Dr. Smith left. Mr. Jones stayed. " * 30


@pytest.fixture(scope="module")
def nltk_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as nltk_data has it, with a punkt_tab of our own training: the real one is not shipped."""
    library = _Apart("nltk", ("nltk", "nltk.tokenize"))
    trainer = library.module("nltk.tokenize.punkt").PunktTrainer()
    trainer.train(TRAINING)
    model, encoder = trainer.get_params(), library.module("nltk.tabdata").TabEncoder()
    root = tmp_path_factory.mktemp("nltk_data")
    english = root / "tokenizers" / "punkt_tab" / "english"
    english.mkdir(parents=True)
    (english / "collocations.tab").write_text(encoder.tups2tab(model.collocations), encoding="utf-8")
    (english / "sent_starters.txt").write_text(encoder.set2txt(model.sent_starters), encoding="utf-8")
    (english / "abbrev_types.txt").write_text(encoder.set2txt(model.abbrev_types), encoding="utf-8")
    (english / "ortho_context.tab").write_text(encoder.ivdict2tab(model.ortho_context), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def checkers() -> Checkers:
    return Checkers()


def follows(checkers: Checkers, name: str, text: str, **kwargs: Any) -> bool:
    return checkers.follows(checkers.build(name, kwargs, "the prompt"), name, text)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_the_checkers_come_without_network_and_without_a_trace_in_the_process() -> None:
    before, state = set(sys.modules), random.getstate()
    found = Checkers()
    assert follows(found, "punctuation:no_comma", "no comma")
    assert follows(found, "keywords:letter_frequency", "###", letter="#", let_frequency=0, let_relation="at least")
    assert random.getstate() == state
    assert not {m for m in set(sys.modules) - before if m.partition(".")[0] in ("lm_eval", "nltk", "datasets")}
    assert found.versions.keys() == {"lm_eval", "langdetect", "nltk"}


@pytest.mark.usefixtures("no_network")
def test_langdetect_gives_the_same_answer_each_time_and_keeps_its_own_seed(checkers: Checkers) -> None:
    from langdetect import DetectorFactory

    text = "ok no la"
    assert len({follows(checkers, "language:response_language", text, language="en") for _ in range(8)}) == 1
    assert DetectorFactory.seed is None


def test_a_text_without_a_language_follows(checkers: Checkers) -> None:
    assert follows(checkers, "language:response_language", "123 456", language="de")


def test_the_random_numbers_are_those_of_the_seeded_module() -> None:
    ours, theirs = SeededRandom(0), random.Random(0)
    used = [ours.used]
    for _ in range(3):
        assert ours.choice("abcdefgh") == theirs.choice("abcdefgh")
        assert ours.randint(1, 9) == theirs.randint(1, 9)
        assert ours.sample(range(50), 3) == theirs.sample(range(50), 3)
    used.append(ours.used)
    ours.restart()
    used.append(ours.used)
    assert ours.random() == random.Random(0).random()
    assert [*used, ours.used] == [False, True, False, True]


def test_blank_text_follows_nothing(checkers: Checkers) -> None:
    assert not follows(checkers, "punctuation:no_comma", " \n")


def test_endless_json_is_not_json(checkers: Checkers) -> None:
    assert not follows(checkers, "detectable_format:json_format", "[" * 200_000)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("keywords:unknown", {}, "no such instruction"),
        ("punctuation:no_comma", {"beauty": 1}, "TypeError"),
        ("combination:repeat_prompt", {}, "prompt_to_repeat must be set"),
        ("length_constraints:number_words", {"relation": "about"}, "ValueError"),
    ],
)
def test_arguments_that_are_not_the_instructions_own_are_an_error(
    checkers: Checkers, name: str, kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(AppError, match=message):
        checkers.build(name, kwargs, "")


def test_arguments_that_no_checker_can_use_are_an_error(checkers: Checkers) -> None:
    built = checkers.build("keywords:existence", {"keywords": ["("]}, "")
    with pytest.raises(AppError, match="cannot be checked"):
        checkers.follows(built, "keywords:existence", "text")


def test_without_punkt_tab_two_instructions_cannot_be_checked(checkers: Checkers, tmp_path: Path) -> None:
    assert [checkers.can_check(name) for name in (SENTENCES, CAPITALS, "punctuation:no_comma")] == [False, False, True]
    assert {SENTENCES, CAPITALS} == NEEDS_SENTENCES
    assert not Checkers(tmp_path).has_sentences


def test_punkt_tab_is_read_from_the_users_folder_unpacked_or_packed(nltk_data: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizers").mkdir()
    shutil.make_archive(
        str(tmp_path / "tokenizers" / "punkt_tab"), "zip", nltk_data / "tokenizers", "punkt_tab"
    )  # fmt: skip
    for folder in (nltk_data, tmp_path):
        found = Checkers(folder)
        assert found.can_check(SENTENCES)
        assert found.files == Checkers(nltk_data).files
        assert len(found.files["punkt_tab"]) == 64
        few = {"num_sentences": 3, "relation": "less than"}
        assert follows(found, SENTENCES, "Dr. Smith went. He left.", **few)
        assert not follows(found, SENTENCES, "Dr. Smith went. He left. They spoke.", **few)
        many = {"capital_frequency": 3, "capital_relation": "at least"}
        assert follows(found, CAPITALS, "ALL of THIS. IS fine.", **many)
        assert not follows(found, CAPITALS, "ALL of this. IS fine.", **many)


def test_a_damaged_punkt_tab_is_an_error(nltk_data: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "unpacked"
    shutil.copytree(nltk_data, damaged)
    (damaged / "tokenizers" / "punkt_tab" / "english" / "ortho_context.tab").unlink()
    packed = tmp_path / "packed" / "tokenizers"
    packed.mkdir(parents=True)
    (packed / "punkt_tab.zip").write_bytes(b"no zip")
    for folder in (damaged, packed.parent):
        with pytest.raises(AppError, match=r"Unpack punkt_tab\.zip"):
            Checkers(folder)


class Asks:
    """A checker that wants the prompt, as the official loop provides for."""

    def __init__(self, _name: str) -> None:
        self.prompt = ""

    def build_description(self, *, prompt: str = "?") -> None:
        self.prompt = prompt

    def get_instruction_args(self) -> dict[str, str]:
        return {"prompt": self.prompt}

    def check_following(self, value: str) -> bool:
        return value == self.prompt


def test_a_checker_that_wants_the_prompt_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Checkers()
    monkeypatch.setattr(found, "_registry", {"asks": Asks})
    assert follows(found, "asks", "the prompt")


@pytest.mark.parametrize("name", ["lm_eval", "nltk", "langdetect"])
def test_what_is_not_installed_is_said_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    found = importlib.metadata.version

    def version(package: str) -> str:
        if package == name:
            raise importlib.metadata.PackageNotFoundError(name)
        return found(package)

    monkeypatch.setattr(ifeval_checkers, "version", version)
    with pytest.raises(AppError, match=r"pip install 'tmlapp\[ifeval\]'"):
        Checkers()


def test_modules_apart_are_those_of_their_package_only() -> None:
    with pytest.raises(ImportError, match="absent_package is missing"):
        _Apart("absent_package", ())
    library = _Apart("nltk", ("nltk", "nltk.tokenize"))
    with pytest.raises(ModuleNotFoundError, match=r"nltk\.absent"):
        library.module("nltk.absent")
    assert library.module("nltk.tokenize.api") is library.module("nltk.tokenize.api")


def test_every_way_to_import_works_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "apart_example"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('executed')")
    (package / "inner" / "__init__.py").write_text("from . import leaf\nfrom ..other import name\n")
    (package / "inner" / "leaf.py").write_text(
        "import apart_example.other\nimport json, given\nwhole = apart_example\n"
    )
    (package / "other.py").write_text("name = 'other'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    library = _Apart("apart_example", ("apart_example",), {"given": "instead"})
    inner = library.module("apart_example.inner")
    assert (inner.name, inner.leaf.given, inner.leaf.whole.other.name) == ("other", "instead", "other")
    assert "apart_example" not in sys.modules


class Anything:
    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def test_words_are_split_as_nltk_splits_them(nltk_data: Path) -> None:
    text = "Dr. Smith can't GO. He said: \"No, it's U.S. law.\" (Really?) OK... 3.5 %"
    # nltk's own functions, without the tokenizers and the data loader that they do not use.
    others = ["casual", "legality_principle", "mwe", "repp", "sexpr", "simple", "sonority_sequencing"]
    others += ["stanford_segmenter", "texttiling", "toktok", "treebank"]
    library = _Apart("nltk", ("nltk",), {"nltk.data": Anything(), **{f"nltk.tokenize.{o}": Anything() for o in others}})
    sentences, _ = ifeval_checkers._sentence_tokenizer(library, nltk_data)
    theirs = library.module("nltk.tokenize")
    theirs.__dict__["_get_punkt_tokenizer"] = lambda _language: sentences
    ours = ifeval_checkers._nltk(library, sentences)
    assert ours.word_tokenize(text) == theirs.word_tokenize(text)
    assert ours.data.load("").tokenize(text) == theirs.sent_tokenize(text)


def test_a_folder_that_is_named_and_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="is not there"):
        Checkers(tmp_path / "none")
