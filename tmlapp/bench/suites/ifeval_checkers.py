"""Google's checkers of IFEval, from lm-eval: `lm_eval.tasks.ifeval.instructions_registry`.

Its modules, and the few of nltk that they use, are executed as they are, but apart from `sys.modules` and with an
`import` of their own. Importing them the usual way would load the whole harness and 180 MB of statistics, download
data, and share Python's random numbers, nltk's folders and langdetect's seed with everybody else.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import logging
import random
import re
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

from tmlapp.core.errors import AppError

NEEDS_SENTENCES = frozenset({"length_constraints:number_sentences", "change_case:capital_word_frequency"})
"""Instructions that are checked with nltk's `punkt_tab`."""

_PACKAGE = "lm_eval.tasks.ifeval"
_KEPT = 16
"""Languages of texts that are kept: more than an answer has variants."""

_GET = "Install the extra: pip install 'tmlapp[ifeval]'."


class Instruction(Protocol):
    """A checker of the library."""

    def build_description(self, **kwargs: Any) -> object:
        """Take the arguments of the row."""
        ...

    def get_instruction_args(self) -> Mapping[str, Any] | None:
        """The arguments that it has now."""
        ...

    def check_following(self, value: str) -> Any:
        """Whether `value` follows the instruction."""
        ...


class SeededRandom(random.Random):
    """Random numbers of the checkers alone; `used` says whether any were drawn since `restart`."""

    used = False

    def restart(self) -> None:
        """Begin again as after `random.seed(0)`."""
        self.seed(0)
        self.used = False

    def random(self) -> float:
        self.used = True
        return super().random()

    def getrandbits(self, k: int, /) -> int:
        self.used = True
        return super().getrandbits(k)


class Checkers:
    """The 25 registered checkers.

    Args:
        nltk_data: folder with `tokenizers/punkt_tab`; without it, `NEEDS_SENTENCES` cannot be checked.

    Raises:
        AppError: lm-eval or what it needs is not installed or of another form; the folder holds a damaged punkt_tab.
    """

    def __init__(self, nltk_data: Path | None = None) -> None:
        self.random = SeededRandom(0)
        try:
            self.versions = {name: version(name) for name in ("lm_eval", "langdetect", "nltk")}
            nltk = _Apart("nltk", ("nltk", "nltk.tokenize"))
            sentences, digest = (None, "") if nltk_data is None else _sentence_tokenizer(nltk, nltk_data)
            stand_ins = {
                "random": self.random,
                "nltk": _nltk(nltk, sentences),
                "langdetect": _Langdetect(importlib.import_module("langdetect")),
            }
            lm_eval = _Apart("lm_eval", ("lm_eval", "lm_eval.tasks", _PACKAGE), stand_ins)
            # It repeats the whole answer where langdetect gives up.
            lm_eval.module(f"{_PACKAGE}.instructions").__dict__["logger"] = logging.Logger("ifeval", logging.CRITICAL)
            registry = lm_eval.module(f"{_PACKAGE}.instructions_registry")
            self._registry: Mapping[str, Callable[[str], Instruction]] = dict(registry.INSTRUCTION_DICT)
        except (ImportError, AttributeError) as error:
            raise AppError("IFEval's checkers are not installed.", f"{error}.", _GET) from error
        self.has_sentences = sentences is not None
        self.files = {"punkt_tab": digest} if digest else {}

    def can_check(self, instruction_id: str) -> bool:
        """Whether what it needs is there."""
        return self.has_sentences or instruction_id not in NEEDS_SENTENCES

    def build(self, instruction_id: str, kwargs: Mapping[str, Any], prompt: str) -> Instruction:
        """The checker of one instruction of a row, as the official loop makes it.

        Raises:
            AppError: there is no such instruction, or the arguments are not its own.
        """
        if instruction_id not in self._registry:
            raise _row_error(instruction_id, "the library has no such instruction")
        instruction = self._registry[instruction_id](instruction_id)
        try:
            instruction.build_description(**kwargs)
            arguments = instruction.get_instruction_args()
            if arguments and "prompt" in arguments:
                instruction.build_description(prompt=prompt)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise _row_error(instruction_id, f"{type(error).__name__}: {error}") from error
        return instruction

    def follows(self, instruction: Instruction, instruction_id: str, text: str) -> bool:
        """Whether `text` follows the instruction; blank text never does.

        Raises:
            AppError: the arguments of the row are such that the checker cannot work.
        """
        if not text.strip():
            return False
        try:
            return bool(instruction.check_following(text))
        except RecursionError:
            # JSON nested a thousand times deep: no reader takes it, so it is not valid JSON.
            return False
        except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError, re.error, TimeoutError) as error:
            raise _row_error(instruction_id, f"{type(error).__name__}: {error}") from error


def _row_error(instruction_id: str, why: str) -> AppError:
    return AppError(
        f"The instruction {instruction_id} cannot be checked.",
        f"{why[:1].upper()}{why[1:]}.",
        "Compare the row with the published input_data.jsonl.",
    )


class _Apart:
    """Modules of one package, executed apart: nobody else sees them, and they see what they are given.

    Args:
        top: the package.
        empty: packages whose `__init__` is not executed.
        stand_ins: what `import name` gives instead of the module `name`.

    Raises:
        ImportError: the package is not installed.
    """

    def __init__(self, top: str, empty: tuple[str, ...], stand_ins: Mapping[str, object] | None = None) -> None:
        spec = importlib.util.find_spec(top)
        if spec is None or spec.origin is None:
            raise ImportError(f"The package {top} is missing")
        self._top = top
        self._root = Path(spec.origin).parent.parent
        self._stand_ins = stand_ins or {}
        self._modules: dict[str, ModuleType] = {}
        for name in empty:
            self._keep(name, ModuleType(name))

    def module(self, name: str) -> Any:
        """The module `name`, executed when it is first asked for.

        Raises:
            ImportError: there is none.
        """
        package = name.rpartition(".")[0]
        if package:
            self.module(package)
        if name in self._modules:
            return self._modules[name]
        path = self._root.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ModuleNotFoundError(f"There is no module {name}", name=name)
        module = importlib.util.module_from_spec(spec)
        # Python takes `import` from the builtins that a module has: only this module gets another one.
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        # Kept before it is executed, as Python does: modules may import each other in a circle.
        self._keep(name, module)
        spec.loader.exec_module(module)
        return module

    def _keep(self, name: str, module: ModuleType) -> None:
        self._modules[name] = module
        package, _, leaf = name.rpartition(".")
        if package:
            setattr(self.module(package), leaf, module)

    def _import(
        self,
        name: str,
        space: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
        names: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> Any:
        if name in self._stand_ins:
            return self._stand_ins[name]
        full = importlib.util.resolve_name("." * level + name, (space or {}).get("__package__")) if level else name
        if full.partition(".")[0] != self._top:
            return builtins.__import__(name, space, local, names or (), level)
        module = self.module(full)
        for wanted in names or ():
            if not hasattr(module, wanted):
                self.module(f"{full}.{wanted}")
        return module if names else self.module(self._top)


class _Langdetect:
    """langdetect with a factory of its own, seeded with 0 for every text."""

    def __init__(self, library: ModuleType) -> None:
        self.LangDetectException = library.LangDetectException
        self._library = library
        self._factory: Any = None
        self._known: dict[str, str] = {}

    def detect(self, text: str) -> str:
        """As `langdetect.detect` after `DetectorFactory.seed = 0`."""
        if self._factory is None:
            self._factory = self._library.DetectorFactory()
            # Half a second: only for who needs it. On the instance, where no other user of the library sees it.
            self._factory.load_profile(self._library.PROFILES_DIRECTORY)
            self._factory.set_seed(0)
        # The seed makes it a function of the text, and the loose rule's variants of an answer are often the same text.
        if text not in self._known:
            detector = self._factory.create()
            detector.append(text)
            self._known = dict(list(self._known.items())[1 - _KEPT :]) | {text: str(detector.detect())}
        return self._known[text]


def _nltk(library: _Apart, sentences: Any) -> SimpleNamespace:
    """The part of nltk that the checkers use; it knows no other data than the user's and cannot download."""
    words = library.module("nltk.tokenize.destructive").NLTKWordTokenizer()

    def word_tokenize(text: str) -> list[str]:
        # What nltk.word_tokenize does, with the user's tokenizer in place of the one that nltk would look for.
        return [word for sentence in sentences.tokenize(text) for word in words.tokenize(sentence)]

    return SimpleNamespace(
        # Finding is what keeps the module from downloading when it is executed.
        data=SimpleNamespace(find=lambda _: None, load=lambda _: sentences),
        tokenize=SimpleNamespace(RegexpTokenizer=library.module("nltk.tokenize.regexp").RegexpTokenizer),
        word_tokenize=word_tokenize,
    )


def _sentence_tokenizer(library: _Apart, folder: Path) -> tuple[Any, str]:
    """punkt_tab for English in `folder`, unpacked or as nltk's zip file, and its digest; (None, "") if it is not there.

    Raises:
        AppError: there is no such folder, or it is damaged.
    """
    if not folder.is_dir():
        raise AppError(
            f"The folder {folder} of nltk's data is not there.",
            "It was named for the sentence tokenizer punkt_tab.",
            "Name the folder that holds tokenizers/punkt_tab, or name none.",
        )
    unpacked = folder / "tokenizers" / "punkt_tab"
    packed = unpacked.with_suffix(".zip")
    punkt = library.module("nltk.tokenize.punkt")
    try:
        if unpacked.is_dir():
            model = _Model(unpacked / "english")
            return punkt.PunktSentenceTokenizer(punkt.load_punkt_params(model)), model.sha256
        if packed.is_file():
            with zipfile.ZipFile(packed) as zipped:
                model = _Model(zipfile.Path(zipped, "punkt_tab/english/"))
                return punkt.PunktSentenceTokenizer(punkt.load_punkt_params(model)), model.sha256
    except (OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
        raise AppError(
            f"The sentence tokenizer in {folder} cannot be read.",
            f"{str(error).rstrip('.')}.",
            "Unpack punkt_tab.zip of nltk_data anew, into tokenizers/.",
        ) from error
    return None, ""


class _Model:
    """A folder as nltk's readers want it; nltk itself reads only below folders that are set for the whole process."""

    def __init__(self, at: Path | zipfile.Path) -> None:
        self._at = at
        self._read: dict[str, str] = {}

    @property
    def sha256(self) -> str:
        """Of the names and contents of all files that were asked for, unpacked or packed alike."""
        return hashlib.sha256("".join(f"{n}:{d};" for n, d in sorted(self._read.items())).encode()).hexdigest()

    def join(self, name: str) -> Path | zipfile.Path:
        """The file `name`.

        Raises:
            FileNotFoundError: it is not there.
        """
        file = self._at / name
        if not file.is_file():
            raise FileNotFoundError(f"{name} is missing")
        self._read[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        return file
