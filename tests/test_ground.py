"""The ground holds: what the documents promise exists, and the checks that guard the rest can fail."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from click import Command

import tmlapp
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EVERYWHERE = {"numpy", "send2trash"}
MODULE_OF = {
    "pywebrtc-audio": "pywebrtc_audio",
    "pyyaml": "yaml",
    "pyside6-essentials": "PySide6",
    "opencv-python-headless": "cv2",
    "webrtcvad-wheels": "webrtcvad",
    "onnxruntime-gpu": "onnxruntime",
}


def tracked_files() -> list[Path]:
    """Every file that git would carry into a clone."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import packaging/scripts/NAME.py without leaving it behind."""
    monkeypatch.syspath_prepend(str(ROOT / "packaging" / "scripts"))
    monkeypatch.delitem(sys.modules, name, raising=False)
    module = __import__(name)
    monkeypatch.delitem(sys.modules, name)
    return module


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text("utf-8"), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_verb_that_a_document_names_exists(document: Path) -> None:
    named = re.findall(r"(?:^|`|bin/)tmlapp ([a-z]+(?: [a-z]+)?)", document.read_text("utf-8"), re.MULTILINE)
    assert [words for words in named if verb_of(words) is None] == []


def verb_of(words: str) -> Command | None:
    """The command that `words` begin with: a verb, or one of a group (`bench run`)."""
    from typer.main import get_command

    from tmlapp.cli.main import app

    first, _, second = words.partition(" ")
    found = get_command(app).commands.get(first)  # type: ignore[attr-defined]
    return found.commands.get(second.split(" ")[0], found) if hasattr(found, "commands") else found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_into_the_project_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text("utf-8"))
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (document.parent / link).exists()] == []


def test_the_readme_lists_every_verb() -> None:
    from tmlapp.cli.main import app

    readme = (ROOT / "README.md").read_text("utf-8")
    names = [command.name for command in app.registered_commands] + [group.name for group in app.registered_groups]
    assert [name for name in names if f"`tmlapp {name}" not in readme] == []


def test_every_option_in_an_example_of_a_document_exists() -> None:
    missing = []
    for document in DOCUMENTS:
        for rest in re.findall(r"^\S*tmlapp ([a-z]+ .*)$", document.read_text("utf-8"), re.MULTILINE):
            verb = verb_of(rest)
            assert verb is not None, rest
            known = {flag for parameter in verb.params for flag in parameter.opts}
            missing += [
                (document.name, flag) for flag in re.findall(r"(?<= )--[a-z-]+", " " + rest) if flag not in known
            ]
    assert missing == []


def test_the_version_is_the_same_everywhere() -> None:
    assert tmlapp.__version__ == PYPROJECT["project"]["version"] == metadata.version("tmlapp")


def test_no_file_names_a_home_of_somebody() -> None:
    home = re.compile(rb"/(?:home|Users|root)/\w")
    contents = {path: path.read_bytes() for path in tracked_files()}
    assert [str(p.relative_to(ROOT)) for p, c in contents.items() if b"\0" not in c and home.search(c)] == []


def test_every_library_that_is_installed_is_used() -> None:
    names = {re.split(r"[^\w-]", line)[0].lower() for line in PYPROJECT["project"]["dependencies"]}
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "tmlapp").rglob("*.py"))
    unused = [n for n in names if not re.search(rf"\b(?:import|from) {MODULE_OF.get(n, n)}\b", code)]
    assert [n for n in unused if f'import_module("{MODULE_OF.get(n, n)}")' not in code] == []


def test_no_tracked_file_is_larger_than_five_megabytes() -> None:
    assert [path.name for path in tracked_files() if path.stat().st_size > 5e6] == []


def test_no_source_file_is_longer_than_400_lines() -> None:
    sources = [path for path in (ROOT / "tmlapp").rglob("*.py") if path.read_text("utf-8").count("\n") > 400]
    assert [str(path.relative_to(ROOT)) for path in sources] == []


def test_every_test_module_says_what_kind_it_is() -> None:
    modules = [path for path in (ROOT / "tests").rglob("test_*.py") if "pytestmark" not in path.read_text("utf-8")]
    assert [str(path.relative_to(ROOT)) for path in modules] == []


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_runtime_library_is_confined_by_a_contract() -> None:
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    confined = {name.lower() for contract in contracts for name in contract.get("forbidden_modules", [])}
    wanted = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["project"]["optional-dependencies"]["media"]]
    names = {re.split(r"[<>=;\[ ]", line)[0].lower() for line in wanted} - EVERYWHERE
    assert {MODULE_OF.get(name, name).lower() for name in names} <= confined


def test_only_one_onnxruntime_is_asked_for_on_any_machine() -> None:
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in PYPROJECT["project"]["dependencies"] if line.startswith("onnxruntime")]
    machines = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64"), ("win32", "ARM64")]
    for platform, machine in machines:
        here = {"sys_platform": platform, "platform_machine": machine}
        assert sum(bool(w.marker and w.marker.evaluate(here)) for w in wanted) == 1, (platform, machine)


def bare_machine(tmp_path: Path, sonames: list[str], commands: list[str]) -> dict[str, str]:
    """Make a machine of which set-up sees these libraries and commands only; return its environment."""
    shutil.copytree(ROOT / "packaging", tmp_path / "packaging")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "env", "dirname", "cat", "cut", "grep", "uname", "id", "sha256sum"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    listed = "\n".join(f"\t{name} (libc6,x86-64) => /lib/{name}" for name in sonames)
    for name, text in [("ldconfig", f"#!/bin/sh\ncat <<END\n{listed}\nEND\n"), *((c, "#!/bin/sh\n") for c in commands)]:
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return {"PATH": str(tools), "HOME": str(tmp_path)}


def set_up(tmp_path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `setup.sh run` there."""
    command = ["bash", "packaging/scripts/setup.sh", "run"]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)


def test_set_up_without_apt_names_the_missing_libraries_and_the_way_out(tmp_path: Path) -> None:
    done = set_up(tmp_path, bare_machine(tmp_path, ["libGL.so.1"], []))
    assert done.returncode == 1
    assert "libportaudio2" in done.stderr
    assert "libgl1" not in done.stderr
    assert "fix: Install them with your package manager" in done.stderr
    assert not (tmp_path / ".venv").exists()


def everything_needed() -> tuple[list[str], list[str]]:
    """Libraries and commands that `setup.sh run` looks for."""
    listed = (ROOT / "packaging/system/run.txt").read_text("utf-8")
    return re.findall(r"lib:(\S+)$", listed, re.MULTILINE), re.findall(r" cmd:(\S+)$", listed, re.MULTILINE)


def test_set_up_without_a_python_that_fits_says_which_ones_do(tmp_path: Path) -> None:
    done = set_up(tmp_path, bare_machine(tmp_path, *everything_needed()))
    assert done.returncode == 1
    assert "System libraries: all here" in done.stdout
    assert "why: tmlapp needs Python 3.11, 3.12 or 3.13." in done.stderr


def test_set_up_that_is_done_runs_no_pip(tmp_path: Path) -> None:
    environment = bare_machine(tmp_path, *everything_needed())
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    content = (tmp_path / "pyproject.toml").read_bytes() + (tmp_path / "packaging/scripts/setup.sh").read_bytes()
    stamp = hashlib.sha256(f"{tmp_path}\n".encode() + content).hexdigest()
    (tmp_path / ".venv/.setup-dev").write_text(f"{stamp}\n")
    done = set_up(tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert "Python packages: up to date" in done.stdout


def test_the_coverage_check_names_lines_branches_and_patterns_that_match_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = script("check_coverage", monkeypatch)
    whole = {"missing_lines": [], "missing_branches": []}
    report = {
        "files": {"a/x.py": whole, "a/y.py": {"missing_lines": [3], "missing_branches": [[5, -1]]}, "b/z.py": whole},
        "totals": {"percent_covered": 71.0},
    }
    assert check.shortfalls(report, ["b/*"], 70) == []
    found = check.shortfalls(report, ["a/*", "gone/*"], 75)
    assert [line.split(":")[0] for line in found] == ["a/y.py", "gone/*", "the whole"]
    assert "[3]" in found[0]
    assert "5->-1" in found[0]


def test_the_coverage_floors_name_folders_that_exist() -> None:
    for pattern in PYPROJECT["tool"]["tmlapp"]["coverage"]["full"]:
        assert list(ROOT.glob(pattern)), pattern


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.toml", "x = \n", "Invalid value"),
        ("a.yaml", "a: [1\n", "expected"),
        ("a.json", "{\n", "Expecting"),
        ("a.py", "x = 1 \n", "trailing blank"),
        ("a.md", "one", "exactly one newline"),
        ("a.md", "one\n\n", "exactly one newline"),
        ("a.py", "<" * 7 + " HEAD\n", "merge mark"),
    ],
)
def test_the_file_check_finds_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, fault: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert fault in "\n".join(script("check_files", monkeypatch).faults(tmp_path / name))


def test_the_file_check_passes_sound_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = script("check_files", monkeypatch)
    for name, text in (("a.toml", "x = 1\n"), ("a.yaml", "a: [1]\n"), ("a.json", "{}\n"), ("b.bin", "x \n\n")):
        (tmp_path / name).write_text(text, "utf-8")
        assert check.faults(tmp_path / name) == []


def test_each_theme_has_the_same_keys_and_readable_text() -> None:
    themes = [tomllib.loads((ROOT / f"assets/theme/{name}.toml").read_text("utf-8")) for name in ("dark", "light")]
    assert [list(theme["colors"]) for theme in themes[:1]] == [list(theme["colors"]) for theme in themes[1:]]
    for theme in themes:
        colours = theme["colors"]
        for name in ("signal_1", "signal_2", "signal_3", "signal_4"):
            assert _contrast(colours[name], colours["surface"]) >= 4.5, (theme["name"], name)
        for ground in ("page", "surface", "raised"):
            for name in ("text", "muted", "faint", "accent", "good", "notice", "remind", "act", "you", "model"):
                assert _contrast(colours[name], colours[ground]) >= 4.5, (theme["name"], name, ground)
        for ground in ("page", "surface"):
            chosen = _over(colours["accent_soft"], colours[ground])
            for name in ("text", "muted", "accent", "good", "notice", "act"):
                assert _contrast(colours[name], chosen) >= 4.5, (theme["name"], name, "chosen", ground)


def _over(front: str, back: str) -> str:
    """The opaque colour of `front`, #aarrggbb, over `back`, #rrggbb."""
    share = int(front[1:3], 16) / 255
    parts = ((int(front[-6:][i : i + 2], 16), int(back[-6:][i : i + 2], 16)) for i in (0, 2, 4))
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in parts)


def _contrast(one: str, other: str) -> float:
    """Contrast of two opaque colours as WCAG 2 defines it, 1 to 21."""

    def light(colour: str) -> float:
        shares = [int(colour[-6:][i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_bundled_face_comes_with_its_licence() -> None:
    assert "SIL OPEN FONT LICENSE" in (ROOT / "assets/fonts/OFL.txt").read_text("utf-8")
    assert sum(path.stat().st_size for path in (ROOT / "assets/fonts").glob("*.otf")) < 1.5e6


def test_json_in_the_assets_is_what_the_readme_of_the_assets_says() -> None:
    truth = json.loads((ROOT / "assets/demo/truth-repcount.json").read_text("utf-8"))
    words = (ROOT / "assets/README.md").read_text("utf-8")
    assert f"{truth['duration_s']:.1f} s" in words
    assert f"{truth['rep_end_times_s'][-1]:.1f} s" in words
