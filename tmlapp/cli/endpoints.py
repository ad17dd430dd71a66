"""`tmlapp endpoints`: named ways to reach a model; try one before a session does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tmlapp.cli.common import FAILED, Json, emit, err, out, reported, show_error, visible

if TYPE_CHECKING:
    from tmlapp.config.profiles import EndpointProfile
    from tmlapp.core.media import AudioClip
    from tmlapp.endpoints.remote.contract import Dialect
    from tmlapp.live.try_endpoint import Trial

app = typer.Typer(help="Add, list, try and remove endpoint profiles.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the profile; sessions use it as profile:NAME.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the profiles, and where each keeps its key."""
    from tmlapp.config.profiles import load_profiles, profiles_path

    with reported(as_json):
        profiles = load_profiles()
        if as_json:
            emit(
                {"file": str(profiles_path()), "profiles": [p.model_dump() | {"address": p.address} for p in profiles]}
            )
            return
        for profile in profiles:
            where = " ".join(part for part in (profile.kind, profile.model, profile.url) if part)
            out().print(visible(f"{profile.address}  {where}  key: {profile.key}"), markup=False)
        if not profiles:
            out().print("There are no profiles yet. `tmlapp endpoints kinds` lists what can be added.", markup=False)


@app.command()
def kinds(
    kind: Annotated[str | None, typer.Argument(help="Show the options of this kind.")] = None, as_json: Json = False
) -> None:
    """List the protocols that tmlapp speaks, or one with all its options."""
    with reported(as_json):
        known = _dialects()
        chosen = [_dialect(kind)] if kind else list(known.values())
        if as_json:
            emit([_plain_dialect(d) for d in chosen])
            return
        for dialect in chosen:
            out().print(f"{dialect.kind}: {dialect.title}", markup=False)
            if kind:
                _print_dialect(dialect)


@app.command()
def add(
    name: Name,
    kind: Annotated[str, typer.Option(help="Protocol, as `tmlapp endpoints kinds` lists them.")],
    url: Annotated[str, typer.Option(help="Where it listens; left out: the protocol's usual place.")] = "",
    model: Annotated[str, typer.Option(help="Name of the model at the service.")] = "",
    voice: Annotated[str, typer.Option(help="Voice with which it speaks.")] = "",
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="NAME=VALUE, may be given several times.")
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            help="Where the key is: `keyring` (asked for now, kept by the system), `env:VARIABLE`, or `none`. "
            "Left out: the protocol's usual variable, unless your own server may do without a key and it is not set."
        ),
    ] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a profile of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Add a profile. A key is never taken from the command line; it is typed, or read from standard input."""
    from tmlapp.config.profiles import load_profiles, put_profile

    with reported(as_json):
        dialect = _dialect(kind)
        kept = key or _usual_key(dialect)
        profile = _profile(
            name=name, kind=dialect.kind, url=url, model=model, voice=voice, options=_options(option or []), key=kept
        )  # fmt: skip
        if not replace and any(p.name == name for p in load_profiles()):
            raise _taken(name)
        _check(profile)
        if profile.key == "keyring":
            _ask_for_key(name)
        put_profile(profile)
        if as_json:
            emit(profile.model_dump() | {"address": profile.address})
            return
        for line in _key_lines(profile, dialect, asked=bool(key)):
            out().print(line, markup=False)
        out().print(f"Added {profile.address}. Try it: tmlapp endpoints test {_quoted(name)}", markup=False)


@app.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Remove a profile, and its key from the system's key ring."""
    from tmlapp.config.profiles import find_profile, remove_profile
    from tmlapp.config.secrets import forget_secret

    with reported(as_json):
        profile = find_profile(name)
        if profile.key == "keyring":
            forget_secret(name)
        remove_profile(name)
        if as_json:
            emit({"removed": profile.address})
            return
        out().print(f"Removed {profile.address}.", markup=False)


@app.command("test")
def try_(
    name: Annotated[str, typer.Argument(help="Name of a profile, or any address such as onnx:tiny.")],
    sentence: Annotated[str | None, typer.Option(help="What is said to it.")] = None,
    instruction: Annotated[str | None, typer.Option(help="What it is asked to do before.")] = None,
    seconds: Annotated[float, typer.Option(help="How long to listen at most.", min=1.0, max=300.0)] = 15.0,
    play: Annotated[bool, typer.Option(help="Play what it said.")] = True,
    save: Annotated[Path | None, typer.Option(help="Write what it said to this wav file.")] = None,
    as_json: Json = False,
) -> None:
    """Connect, show what is granted and the round trip, say one sentence and play the answer. Nothing is recorded."""
    from tmlapp.config.settings import load_settings
    from tmlapp.live.try_endpoint import INSTRUCTION, SENTENCE, try_endpoint

    with reported(as_json):
        settings = load_settings()
        trial = try_endpoint(
            name if ":" in name else f"profile:{name}",
            settings,
            sentence=sentence or SENTENCE,
            instruction=instruction if instruction is not None else INSTRUCTION,
            longest_s=seconds,
            on_progress=lambda text: None if as_json else err().print(f"{text} …", markup=False),
        )
        if save is not None and trial.sound is not None:
            _save(save, trial.sound)
        if as_json:
            emit(_plain_trial(trial))
        else:
            for line in trial.lines():
                out().print(visible(line), markup=False)
        if trial.error is not None:
            if not as_json:
                show_error(trial.error)
            raise typer.Exit(FAILED)
        if play and not as_json and trial.sound is not None:
            _play(trial.sound, settings.loudspeaker)


# ---------------------------------------------------------------------------------------------- parts


def _dialects() -> dict[str, Dialect]:
    from tmlapp.endpoints.registry import dialects

    return dialects()


def _dialect(kind: str) -> Dialect:
    from tmlapp.core.errors import AppError

    known = _dialects()
    if kind not in known:
        raise AppError(f"There is no kind “{kind}”.", f"Known kinds: {', '.join(known)}.", "Choose one of them.")
    return known[kind]


def _plain_dialect(dialect: Dialect) -> dict[str, Any]:
    plain = ("kind", "title", "page", "sends", "default_url", "default_model", "key_variable", "key_required")
    options = [
        {"name": o.name, "help": o.help, "default": o.default, "kind": o.kind, "choices": list(o.choices)}
        for o in dialect.options
    ]
    return {name: getattr(dialect, name) for name in plain} | {
        "voices": list(dialect.voices),
        "experimental": dialect.experimental,
        "options": options,
    }


def _print_dialect(dialect: Dialect) -> None:
    facts = (
        ("sends", dialect.sends),
        ("URL", dialect.default_url),
        ("model", dialect.default_model),
        ("key", dialect.key_variable and f"in {dialect.key_variable}"),
        ("voices", ", ".join(dialect.voices)),
        ("experimental", dialect.experimental),
        ("page", f"docs/endpoints/{dialect.page}.md"),
    )
    for title, value in facts:
        if value:
            out().print(f"  {title}: {value}", markup=False)
    for option in dialect.options:
        choices = f" ({', '.join(option.choices)})" if option.choices else ""
        default = f" [{option.default}]" if option.default else ""
        out().print(f"  -o {option.name}=…{choices}{default}  {option.help}", markup=False)


def _options(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--option")
        found[name.strip()] = value
    return found


def _usual_key(dialect: Dialect) -> str:
    from tmlapp.config.secrets import secret_from_environment

    if not dialect.key_variable:
        return "none"
    # A server of one's own often asks for no key; a profile that insists on one could not even be tried.
    own_server = not dialect.default_url and not dialect.key_required
    if own_server and secret_from_environment(dialect.key_variable) is None:
        return "none"
    return f"env:{dialect.key_variable}"


def _key_lines(profile: EndpointProfile, dialect: Dialect, *, asked: bool) -> list[str]:
    """What a person should know about the key before the first try."""
    from tmlapp.config.secrets import secret_from_environment

    if profile.key == "none" and dialect.key_variable and not asked:
        return [f"No key is sent. If the server asks for one: --key env:{dialect.key_variable} --replace"]
    if profile.key.startswith("env:") and secret_from_environment(profile.key[4:]) is None:
        return [f"{profile.key[4:]} is not set here: set it before you use the profile."]
    return []


def _profile(**values: Any) -> EndpointProfile:
    from tmlapp.config.profiles import made_profile

    return made_profile(**values)


def _check(profile: EndpointProfile) -> None:
    """Everything but the key and the network.

    Raises:
        AppError: the URL or an option does not fit.
    """
    from tmlapp.core.errors import AppError
    from tmlapp.endpoints.profile import endpoint_of
    from tmlapp.endpoints.remote.target import check_options

    made = endpoint_of(profile)
    check_options(made.dialect, made.target)
    if not made.host:
        raise AppError(
            f"{made.dialect.title} needs an address.", "It has no place of its own on the network.", "Add --url ws://…"
        )


def _ask_for_key(name: str) -> None:
    from tmlapp.config.secrets import keep_secret
    from tmlapp.core.errors import AppError
    from tmlapp.core.secret import Secret

    typed = typer.prompt("Key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not typed.strip():
        raise AppError("No key was given.", "The line was empty.", "Type or pipe it in, or use --key env:VARIABLE.")
    keep_secret(name, Secret(typed.strip()))


def _taken(name: str) -> Exception:
    from tmlapp.core.errors import AppError

    return AppError(
        f"There is a profile “{name}” already.", "Nothing was changed.", "Choose another name, or add --replace."
    )


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _plain_trial(trial: Trial) -> dict[str, Any]:
    from dataclasses import asdict

    times = ("connect_ms", "rtt_ms", "first_sound_ms", "first_text_ms")
    return {
        "address": trial.address,
        "host": trial.host,
        # A service may say 1e999, which JSON cannot: what is no number is null, as in a recording.
        "granted": json.loads(json.dumps(asdict(trial.granted)), parse_constant=_none) if trial.granted else None,
        **{name: None if (ms := getattr(trial, name)) is None else round(ms, 1) for name in times},
        "sent": trial.sent,
        "said": trial.said,
        "sound_s": len(trial.sound.pcm) / trial.sound.rate_hz if trial.sound else 0.0,
        "lost_turns": trial.lost_turns,
        "errors": list(trial.errors),
        "error": trial.error.to_json() if trial.error else None,
    }


def _none(constant: str) -> None:  # noqa: ARG001 - NaN or an infinity
    return None


def _save(path: Path, sound: AudioClip) -> None:
    from tmlapp.bench.transcripts.placement import write_wav

    write_wav(path, sound.pcm, sound.rate_hz)


def _play(sound: AudioClip, loudspeaker: str) -> None:
    from tmlapp.core.errors import AppError
    from tmlapp.live.play_clip import play_clip

    if loudspeaker == "none":
        err().print("The settings name no loudspeaker: the answer is not played.", markup=False)
        return
    try:
        play_clip(sound, loudspeaker)
    except AppError as error:
        # The endpoint was to be tried, not the loudspeaker.
        err().print(f"The answer is not played. {error.what} {error.why}", markup=False)
