"""A profile while it is edited: what is wrong with it, and how it is kept with its key. No widget here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tmlapp.config.profiles import EndpointProfile, load_profiles, made_profile, save_profiles
from tmlapp.config.secrets import forget_secret, keep_secret, keyring_secret, secret_from_environment
from tmlapp.core.errors import AppError
from tmlapp.core.secret import Secret
from tmlapp.endpoints.remote.contract import Dialect, Target
from tmlapp.endpoints.remote.target import check_options, socket_url
from tmlapp.ui.text import tr

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stands in the fields.

    Attributes:
        before: the profile as it is stored; None for a new one.
        key_of: the profile whose key in the key ring goes along (of a copy, or of this one under its old name).
    """

    name: str
    kind: str
    url: str = ""
    model: str = ""
    voice: str = ""
    options: dict[str, str] = field(default_factory=dict)
    key: str = "none"
    before: EndpointProfile | None = None
    key_of: str = ""

    @property
    def changed(self) -> bool:
        """It differs from what is stored."""
        if self.before is None:
            return True
        return self._plain() != self.before.model_dump()

    def profile(self) -> EndpointProfile:
        """The draft as a profile.

        Raises:
            AppError: the name or the place of the key is none.
        """
        return made_profile(**self._plain())

    def _plain(self) -> dict[str, object]:
        return {
            "name": self.name, "kind": self.kind, "url": self.url, "model": self.model, "voice": self.voice,
            "options": dict(self.options), "key": self.key,
        }  # fmt: skip


def draft_of(profile: EndpointProfile) -> Draft:
    """`profile` as it is stored."""
    return Draft(
        name=profile.name, kind=profile.kind, url=profile.url, model=profile.model, voice=profile.voice,
        options=dict(profile.options), key=profile.key, before=profile, key_of=profile.name,
    )  # fmt: skip


def new_draft(dialect: Dialect, taken: set[str]) -> Draft:
    """A new profile of `dialect`, with a name that is free and the key where it probably is."""
    key = "none"
    if dialect.key_variable and secret_from_environment(dialect.key_variable) is not None:
        key = f"env:{dialect.key_variable}"
    elif dialect.key_required or (dialect.key_variable and dialect.default_url):
        # Hosted services ask for a key; a server of one's own often does not, and is to be tried without one.
        key = "keyring"
    plain = "".join(c if c.isalnum() or c in " .+-_" else " " for c in dialect.title)
    return Draft(name=free_name(" ".join(plain.split())[:48] or dialect.kind, taken), kind=dialect.kind, key=key)


def copy_of(profile: EndpointProfile, taken: set[str]) -> Draft:
    """A new profile like `profile`, its key included."""
    name = free_name(tr("{name} copy").format(name=profile.name[:50]), taken)
    return replace(draft_of(profile), name=name, before=None)


def free_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with a number behind it."""
    number, name = 2, wanted
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    return name


def problems_of(draft: Draft, dialect: Dialect | None, taken: set[str], *, key_typed: bool) -> dict[str, str]:
    """What is wrong, by field (`name`, `kind`, `url`, `key`, `option:NAME`); empty where it can be kept.

    Args:
        taken: names of the other profiles.
    """
    found: dict[str, str] = {}
    try:
        replace(draft, key="none").profile()
    except AppError as error:
        found["name"] = error.why.removeprefix("Value error, ")
    if draft.name in taken:
        found["name"] = tr("There is a profile of this name already.")
    if dialect is None:
        found["kind"] = tr("Nothing here speaks “{kind}”.").format(kind=draft.kind)
        return found
    if draft.url:
        try:
            socket_url(draft.url)
        except AppError as error:
            found["url"] = f"{error.why} {error.fix}"
    elif not dialect.default_url:
        found["url"] = tr("It has no place of its own on the network: write for example ws://127.0.0.1:8765.")
    found |= _key_problem(draft, dialect, key_typed)
    for name, value in draft.options.items():
        if why := _option_problem(dialect, name, value):
            found[f"option:{name}"] = why
    return found


def _key_problem(draft: Draft, dialect: Dialect, key_typed: bool) -> dict[str, str]:
    if draft.key == "none" and dialect.key_required:
        return {"key": tr("{title} is of no use without a key.").format(title=dialect.title)}
    if draft.key.startswith("env:"):
        try:
            replace(draft, name="x").profile()
        except AppError:
            return {"key": tr("A variable has letters, digits and _, and begins with no digit.")}
    if draft.key == "keyring" and not draft.key_of and not key_typed:
        return {"key": tr("Paste the key once: it goes into the key ring and is not shown again.")}
    return {}


def _option_problem(dialect: Dialect, name: str, value: str) -> str:
    target = Target(kind=dialect.kind, address="", name="", options={name: value})
    try:
        check_options(dialect, target)
    except AppError as error:
        return error.why
    return ""


def keep(draft: Draft, key: Secret | None) -> EndpointProfile:
    """Store `draft` in place of what it was, and its key where it says; may block for as long as the key ring likes.

    Raises:
        AppError: the key ring or the file refuses; then the profile stays as it was.
    """
    profile, before = draft.profile(), draft.before
    if profile.key == "keyring":
        if key is None and draft.key_of != profile.name:
            key = _ring(keyring_secret, draft.key_of) if draft.key_of else None
        if key is not None:
            _ring(keep_secret, profile.name, key)
    profiles = load_profiles()
    places = [i for i, p in enumerate(profiles) if before is not None and p.name == before.name]
    others = [i for i, p in enumerate(profiles) if p.name == profile.name and i not in places]
    if others:
        raise AppError(f"There is a profile “{profile.name}” already.", "Nothing was changed.", "Choose another name.")
    if places:
        profiles[places[0]] = profile
    else:
        profiles.append(profile)
    save_profiles(profiles)
    if before is not None and before.key == "keyring" and (before.name != profile.name or profile.key != "keyring"):
        _ring(forget_secret, before.name)
    return profile


def remove(profile: EndpointProfile) -> None:
    """Take `profile` away, and its key out of the key ring; may block.

    Raises:
        AppError: the file or the key ring refuses.
    """
    save_profiles([p for p in load_profiles() if p.name != profile.name])
    if profile.key == "keyring":
        _ring(forget_secret, profile.name)


def key_is_kept(name: str) -> bool:
    """Whether the key ring holds a key for the profile `name`; may block.

    Raises:
        AppError: there is no key ring, or it is locked.
    """
    return _ring(keyring_secret, name) is not None


def _ring(call: Callable[..., T], *args: Any) -> T:
    """What the key ring answers to `call`."""
    try:
        return call(*args)
    except AppError:
        raise
    except Exception as error:  # noqa: BLE001 - raised again as what a person may see
        # Back ends raise what they like. Neither their words nor their traceback may be seen: the key may be in them.
        raise AppError(
            tr("The key ring of this system cannot be used."),
            tr("It says: {kind}.").format(kind=type(error).__name__),
            tr("Keep the key in an environment variable instead."),
        ) from None
