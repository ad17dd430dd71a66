"""What the engine does not say about a grammar (JSGF): a rule that is nowhere, and more words than memory can hold."""

from __future__ import annotations

import re

from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_manifest import Manifest

MOST_WORDS = 60_000
"""Of a grammar whose rules are written out wherever they are used, as the engine does it. It ends the whole app when
its memory is spent, and cannot be asked before."""

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_RULE = re.compile(r"(?:public\s+)?<([^<>\s]+)>\s*=([^;]*);")
_USED = re.compile(r"<([^<>\s]+)>")
_WEIGHT = re.compile(r"/[0-9.eE+-]+/")
_BUILT_IN = frozenset(("NULL", "VOID"))


def check_rules(manifest: Manifest) -> None:
    """Raises E_HEARING where the rules of a grammar cannot be what was meant."""
    for grammar in manifest.hearing.all().values() if manifest.hearing else ():
        text = (manifest.folder / grammar.file).read_bytes().decode("utf-8", "replace")
        if problem := problem_of(text):
            why = f"manifest.json: x-hearing: {grammar.file}: {problem}."
            raise OnnxContractError("E_HEARING", why, manifest.path)


def problem_of(text: str) -> str:
    """Why `text` is no grammar to listen for; empty if nothing is wrong with its rules."""
    bodies = dict(_RULE.findall(_WEIGHT.sub(" ", _COMMENT.sub(" ", text))))
    used = {name: [u for u in _USED.findall(body) if u not in _BUILT_IN] for name, body in bodies.items()}
    for name, others in used.items():
        if missing := next((other for other in others if other not in bodies), None):
            return f"<{name}> uses <{missing}>, which the file does not define"
    sizes: dict[str, int] = {}
    waiting = [(name, False) for name in bodies]
    open_rules: set[str] = set()
    while waiting:
        name, inside_known = waiting.pop()
        if inside_known:
            open_rules.discard(name)
            own = len(_USED.sub(" ", bodies[name]).split())
            sizes[name] = own + sum(sizes[other] for other in used[name])
            if sizes[name] > MOST_WORDS:
                return f"<{name}> stands for more than {MOST_WORDS} words"
        elif name in open_rules:
            return f"<{name}> is used within itself"
        elif name not in sizes:
            open_rules.add(name)
            waiting.append((name, True))
            waiting += [(other, False) for other in used[name] if other not in sizes]
    return ""
