"""Addresses, options and keys of remote endpoints, before anything touches the network."""

from __future__ import annotations

import pytest

from tests.endpoints.remote.echo import ECHO
from tests.endpoints.remote.kit import setup
from tmlapp.config.profiles import EndpointProfile, put_profile
from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret
from tmlapp.endpoints.profile import endpoint_of
from tmlapp.endpoints.registry import dialects, endpoint_from_address
from tmlapp.endpoints.remote.contract import Dialect, Target
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint, remote_endpoint
from tmlapp.endpoints.remote.target import host_of, is_loopback, read_target, shown_url, socket_url

pytestmark = pytest.mark.unit
KEYED = Dialect(
    kind="keyed",
    title="Keyed",
    page="keyed",
    request=ECHO.request,
    codec=ECHO.codec,
    default_url="wss://models.example/v1",
    key_variable="TMLAPP_TEST_KEYED_KEY",
    key_required=True,
)


@pytest.mark.parametrize(
    ("text", "model", "url", "name"),
    [
        ("big-model", "big-model", "", "big-model"),
        ("org/big:7b", "org/big:7b", "", "org/big:7b"),
        ("ws://127.0.0.1:8765", "", "ws://127.0.0.1:8765", "127.0.0.1:8765"),
        ("WS://localhost/x", "", "ws://localhost/x", "localhost"),
        ("http://[::1]:80/x?model=m", "", "ws://[::1]:80/x?model=m", "[::1]:80"),
        ("https://host.example/p", "", "wss://host.example/p", "host.example"),
        ("m@wss://host.example", "m", "wss://host.example", "m"),
        ("m@2@https://host.example:444/a", "m@2", "wss://host.example:444/a", "m@2"),
    ],
)
def test_an_address_is_a_model_a_url_or_both(text: str, model: str, url: str, name: str) -> None:
    target = read_target(ECHO, text)
    assert (target.model, target.url, target.name, target.address) == (model, url, name, f"echo:{text}")
    assert target.secret is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ws://models.example/v1", "unencrypted"),
        ("http://192.168.1.7:80", "unencrypted"),
        ("ws://127.0.0.1.evil.example", "unencrypted"),
        ("ws://localhost@evil.example/", "login"),
        ("wss://user:pass@host.example", "login"),
        ("wss://host.example/?api_key=abcdef", "key"),
        ("wss://host.example/?Access-Token=abcdef", "key"),
        ("wss://host.example/?x=1&key=abcdef", "key"),
        ("wss://host.example/?x=sk-abcdefghijklmnop", "key"),
        ("wss://host.example/sk-abcdefghijklmnop/x", "key"),
        ("wss://host.example/#token", "#"),
        ("ftp://host.example", "Only ws"),
        ("127.0.0.1:8765", "looks like a host"),
        ("host.example:80/path", "looks like a host"),
        ("ws://", "host"),
        ("ws://127.0.0.1:99999", "not a URL"),
        ("ws://127.0.0.1:0", "port 0"),
        ("ws://[::1", "not a URL"),
        ("ws://127.0.0.1/a b", "space"),
    ],
)
def test_an_address_that_must_not_be_is_refused_without_being_repeated_in_full(text: str, why: str) -> None:
    with pytest.raises(AppError, match=why) as raised:
        remote_endpoint(ECHO, text)
    for hidden in ("abcdef", "pass", "sk-"):
        assert hidden not in str(raised.value)


def test_harmless_parameters_stay() -> None:
    url = "wss://host.example/openai?api-version=2025-01-01&deployment=d&model=m"
    assert socket_url(url) == url


def test_hosts_and_urls_are_shown_without_what_may_be_secret() -> None:
    assert host_of("wss://host.example:444/x?y") == "host.example:444"
    assert host_of("ws://[::1]/x") == "[::1]"
    assert [is_loopback(h) for h in ("localhost", "LOCALHOST", "::1", "127.0.0.1", "127.0.0.2", "")] == [
        True, True, True, True, False, False,
    ]  # fmt: skip
    assert shown_url("wss://me:secret@host/p?key=secret#secret") == "wss://host/p"


def test_an_endpoint_says_where_it_goes_and_that_it_is_not_local() -> None:
    endpoint = remote_endpoint(KEYED, "m")
    assert (endpoint.address, endpoint.host, endpoint.local) == ("keyed:m", "models.example", False)
    assert endpoint.dialect is KEYED
    assert remote_endpoint(KEYED, "m@ws://127.0.0.1:9").host == "127.0.0.1:9"


def test_an_endpoint_without_a_place_needs_a_url() -> None:
    with pytest.raises(AppError, match="needs an address"):
        remote_endpoint(ECHO, "model").check("")


def test_a_key_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMLAPP_TEST_KEYED_KEY", raising=False)
    endpoint = remote_endpoint(KEYED, "m")
    with pytest.raises(AppError, match="TMLAPP_TEST_KEYED_KEY"):
        endpoint.check("")
    monkeypatch.setenv("TMLAPP_TEST_KEYED_KEY", " the-key-of-this-test ")
    endpoint.check("")
    assert "the-key" not in repr(vars(endpoint)) + repr(endpoint.target)


def test_a_key_in_the_url_is_refused_even_where_nothing_shows_that_it_is_one() -> None:
    target = Target(
        kind="echo",
        address="echo:x",
        name="x",
        url="wss://host.example/plain-looking-key",
        secret=Secret("plain-looking-key"),
    )
    with pytest.raises(AppError, match="stands in the URL") as raised:
        RemoteEndpoint(ECHO, target).check("")
    assert "plain-looking-key" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("unknown", "1", "no option “unknown”"),
        ("resume", "maybe", "one of history, none"),
        ("flag", "true", "on or off"),
        ("count", "many", "a number"),
        ("count", "nan", "a number"),
        ("count", "inf", "a number"),
        ("extra", "[1]", "JSON object"),
        ("extra", "{", "JSON object"),
        ("extra", "[" * 100_000, "JSON object"),
    ],
)
def test_options_are_checked_by_their_kind(name: str, value: str, why: str) -> None:
    target = Target(kind="echo", address="echo:x", name="x", url="ws://127.0.0.1:9", options={name: value})
    with pytest.raises(AppError, match=why):
        RemoteEndpoint(ECHO, target).check("")


def test_options_that_fit_are_taken() -> None:
    options = {"resume": "none", "flag": "on", "count": "-1.5", "extra": "{}"}
    target = Target(kind="echo", address="echo:x", name="x", url="ws://127.0.0.1:9", options=options)
    RemoteEndpoint(ECHO, target).check("anything")
    RemoteEndpoint(
        ECHO, Target(kind="echo", address="a", name="x", url="ws://127.0.0.1:9", options={"count": ""})
    ).check("")


def test_virtual_time_is_refused_where_nothing_is_acknowledged() -> None:
    endpoint = remote_endpoint(ECHO, "ws://127.0.0.1:9")
    with pytest.raises(AppError, match="virtual time"):
        endpoint.open(setup(virtual_time=True), lambda _: None)


# ---------------------------------------------------------------------- profiles


def test_a_profile_is_an_endpoint_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = next(iter(dialects()))
    monkeypatch.setenv("TMLAPP_TEST_PROFILE_KEY", "key-of-the-profile")
    put_profile(
        EndpointProfile(
            name="lab", kind=kind, url="http://127.0.0.1:9", model="m", voice="v", key="env:TMLAPP_TEST_PROFILE_KEY"
        )
    )
    endpoint = endpoint_from_address("profile:lab")
    assert isinstance(endpoint, RemoteEndpoint)
    assert (endpoint.address, endpoint.host, endpoint.local) == ("profile:lab", "127.0.0.1:9", False)
    target = endpoint.target
    assert (target.kind, target.url, target.model, target.voice) == (kind, "ws://127.0.0.1:9", "m", "v")
    assert target.secret is None
    endpoint.check("")
    monkeypatch.delenv("TMLAPP_TEST_PROFILE_KEY")
    with pytest.raises(AppError, match="The key of “lab” is missing"):
        endpoint.check("")


def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(AppError, match="no endpoint profile “gone”"):
        endpoint_from_address("profile:gone")


def test_a_profile_of_an_unknown_kind_is_named() -> None:
    with pytest.raises(AppError, match="unknown kind, “telepathy”"):
        endpoint_of(EndpointProfile(name="x", kind="telepathy"))


def test_a_profile_whose_url_is_not_allowed_is_refused() -> None:
    kind = next(iter(dialects()))
    with pytest.raises(AppError, match="unencrypted"):
        endpoint_of(EndpointProfile(name="x", kind=kind, url="ws://models.example"))
