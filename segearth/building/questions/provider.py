"""Models that write text about a picture: one small interface, and what can go wrong with a call.

A provider makes a single call and nothing else. Retries, rate limits, the cache and the ledger
are the caller's (`segearth.building.questions.provider_calls`), the same for every provider.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from segearth.building.questions.texts import writable
from segearth.errors import UsageError

_MOST_TOKENS = 10**9  # of a call; more is no count, and the ledger could not add it up


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back."""

    text: str
    input_tokens: int | None
    """None if the server does not say, or nothing that can be."""
    output_tokens: int | None
    """Thinking included, since it is charged."""


class CallError(Exception):
    """A call gave no reply."""

    def __init__(
        self,
        reason: str,
        *,
        again: bool = False,
        after_s: float | None = None,
        fatal: bool = False,
        charged: bool = False,
    ) -> None:
        """Keep what the caller needs to decide what to do next.

        Args:
            reason: For the list of failures; without keys. What UTF-8 cannot hold is replaced.
            again: The same call may succeed later.
            after_s: The server asked for so many seconds of patience.
            fatal: No other call will succeed either (wrong key, unknown model).
            charged: The provider may have charged for it all the same.
        """
        self.reason = writable(reason)
        super().__init__(self.reason)
        self.again = again
        self.after_s = after_s
        self.fatal = fatal
        self.charged = charged


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Which model, where, and how it is called."""

    model: str
    base_url: str = ""
    """Empty for the provider's own address."""
    temperature: float = 1.0
    """The paper's (Sec. 7.4)."""
    timeout_s: float = 120.0
    """Of a single read; the caller limits the whole call."""
    most_output_tokens: int = 8192
    """Thinking included; also what a call is expected to cost at most."""


class Provider(Protocol):
    """A model that can be called from several threads at once."""

    identity: str
    """Everything that decides what it would reply: part of the cache's keys."""

    def complete(self, prompt: str, picture: bytes, *, as_json: bool) -> Reply:
        """Send a prompt with a picture.

        Args:
            prompt: The text.
            picture: A PNG file.
            as_json: Whether the reply should be a JSON object.

        Raises:
            CallError: There is no complete reply.
        """


def open_provider(name: str, settings: ModelSettings) -> Provider:
    """Make a provider by name: openai or gemini.

    Raises:
        UsageError: A package or a key is missing, or the address is refused.
    """
    check_address(settings.base_url)
    if name == "openai":
        from segearth.building.questions.provider_openai import OpenAiProvider

        return OpenAiProvider(settings)
    from segearth.building.questions.provider_gemini import GeminiProvider

    return GeminiProvider(settings)


def identity_of(name: str, settings: ModelSettings) -> str:
    """Describe a model for the cache: the time limit and the token limit change no reply."""
    return f"{name} {settings.model} {settings.base_url} t={settings.temperature:g}"


def key_from_environment(*names: str) -> str:
    """Return the first of some environment variables that is set, or "" if none is."""
    return next(
        (os.environ[name].strip() for name in names if os.environ.get(name, "").strip()), ""
    )


def without_key(text: str, key: str) -> str:
    """Strike out a key and shorten what a server wrote, for messages and files."""
    shown = text.replace(key, "***") if key else text
    shown = " ".join(shown.split())
    return shown if len(shown) <= 200 else shown[:199] + "…"


def was_sent(error: BaseException) -> bool:
    """Tell whether a call that failed may have reached the server, which then may charge it.

    Args:
        error: From the client, or what it was raised from.
    """
    import httpx2

    never = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
    return not isinstance(error, never) and not isinstance(error.__cause__, never)


def check_address(base_url: str) -> None:
    """Refuse an address that is none, or that carries a password: it would end up in files.

    Raises:
        UsageError: As said.
    """
    if not base_url:
        return
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        secret = bool(parts.username or parts.password or parts.query)
    except ValueError:
        usable, secret = False, False
    if secret:
        raise UsageError(
            "the address holds a user name, a password or a query",
            where="--base-url",
            hint="keys belong into the environment, such as OPENAI_API_KEY",
        )
    if not usable:
        raise UsageError(
            f"{base_url!r} is no web address",
            where="--base-url",
            hint="for a server of your own: http://localhost:8000/v1",
        )


def token_count(value: object) -> int | None:
    """Read a number of tokens; None for anything but an integer from 0 to 10⁹."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


def after_from(value: str | None) -> float | None:
    """Read the seconds of a Retry-After header; a date or nonsense is None."""
    try:
        seconds = float(value) if value else None
    except ValueError:
        return None
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None
