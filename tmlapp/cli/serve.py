"""`tmlapp serve`: a model of this machine as a server, in the dialect that labs implement for their own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tmlapp.cli.common import Json, emit, out, reported
from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret

if TYPE_CHECKING:
    from tmlapp.core.endpoint import Endpoint
    from tmlapp.endpoints.serve.server import ModelServer, ServeOptions

_EVERYWHERE = ("", "0.0.0.0", "::")
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1")


def command(
    model: Annotated[str, typer.Option(help="A model's folder, or any address: onnx:tiny, scripted:FILE, …")] = "tiny",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 for any free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Where it listens; other than on this machine only with a certificate and a token.")
    ] = "127.0.0.1",
    token_file: Annotated[Path | None, typer.Option(help="File with the token that clients must show.")] = None,
    token_env: Annotated[str | None, typer.Option(help="Environment variable with the token.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM file with the certificate, for TLS.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="PEM file with its private key.")] = None,
    sessions: Annotated[int, typer.Option(min=1, max=64, help="How many clients at the same time.")] = 1,
    name: Annotated[str, typer.Option(help="What clients call the model. Left out: its own name.")] = "",
    update_timeout: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds in which a client must open its session.")
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Serve a model in the sglang_omni dialect until Ctrl-C."""
    from tmlapp.endpoints.serve.offer import Limits
    from tmlapp.endpoints.serve.server import ServeOptions

    with reported(as_json):
        options = ServeOptions(
            host=host,
            port=port,
            sessions=sessions,
            token=_token(token_file, token_env),
            certificate=certificate,
            private_key=private_key,
            name=name,
            limits=Limits(session_update_timeout_s=update_timeout),
        )
        options.check()
        asyncio.run(_serve(options, _address(model), as_json))


async def _serve(options: ServeOptions, address: str, as_json: bool) -> None:
    from tmlapp.config.settings import load_settings
    from tmlapp.endpoints.registry import endpoint_from_address
    from tmlapp.endpoints.serve.server import ModelServer
    from tmlapp.live.plan import make_endpoint
    from tmlapp.live.voice_engines import voice_for

    settings = load_settings()
    voice = voice_for(settings.voice)

    def endpoint() -> Endpoint:
        if address.startswith("recorded:"):
            return make_endpoint(address, settings)
        return endpoint_from_address(address, threads=settings.model_threads, keep=True)

    server = ModelServer(options, endpoint, address=address, synthesize=voice.speak if voice is not None else None)
    stop = asyncio.Event()
    previous = _stops_on_signal(asyncio.get_running_loop(), stop)
    try:
        await server.run(lambda serving: _ready(serving, options, as_json), stop)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _stops_on_signal(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> dict[int, Any]:
    """The first Ctrl-C ends the sessions in good order, a second one ends at once; gives the handlers of before."""
    asked = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    previous: dict[int, Any] = {}

    def handler(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the form of a handler
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    for number in asked:
        previous[number] = signal.signal(number, handler)
    return previous


def _ready(server: ModelServer, options: ServeOptions, as_json: bool) -> None:
    url = server.url
    if options.host in _EVERYWHERE:
        url = f"wss://{_name_for_clients(options)}:{url.rpartition(':')[2]}"
    address = f"sglang_omni:{url}"
    if as_json:
        emit({"model": server.offer.model, "url": url, "endpoint": address, "token": options.token is not None})
        return
    out().print(f"{server.offer.model} is served at {url}. Ctrl-C ends it.", markup=False)
    out().print(f"  tmlapp run --endpoint {address}", markup=False)
    if options.token is not None:
        out().print("  Set SGLANG_OMNI_API_KEY to the token there, or keep it in a profile.", markup=False)


def _name_for_clients(options: ServeOptions) -> str:
    """A name by which clients may connect: the certificate must have it."""
    from tmlapp.endpoints.serve.certificate import names_in

    context = options.check() if options.certificate is not None else None
    names = names_in(options.certificate, context) if options.certificate is not None and context is not None else ()
    name = next((n for n in names if n not in _LOOPBACK), "NAME-IN-THE-CERTIFICATE")
    return f"[{name}]" if ":" in name else name


def _address(model: str) -> str:
    """A folder, or the name of a shipped model, as an address."""
    path = Path(model).expanduser()
    if path.is_dir():
        return f"onnx:{path.resolve()}"
    return model if ":" in model else f"onnx:{model}"


def _token(file: Path | None, variable: str | None) -> Secret | None:
    if file is not None and variable is not None:
        raise AppError("There are two tokens.", "One is in a file, one in a variable.", "Give only one of them.")
    if file is not None:
        try:
            return _usable(file.expanduser().read_text(encoding="utf-8"), f"The file {file}")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "It is no text."
            raise AppError(f"The token in {file} cannot be read.", f"{why}", "Check the name of the file.") from error
    if variable is not None:
        return _usable(os.environ.get(variable, ""), f"The environment variable {variable}")
    return None


def _usable(text: str, where: str) -> Secret:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise AppError(
            "The token cannot be used.",
            f"{where} holds none, or more than one word, or letters that do not go into a header.",
            "Make one, for example with: openssl rand -hex 32",
        )
    return Secret(token)
