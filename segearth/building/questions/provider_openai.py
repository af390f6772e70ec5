"""Models behind an OpenAI-compatible endpoint: OpenAI's own, vLLM, llama.cpp and others.

Needs the extra ``openai``. The key is OPENAI_API_KEY; with an address of one's own it may be
missing, as local servers ask for none.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from segearth.building.questions.provider import (
    CallError,
    ModelSettings,
    Reply,
    after_from,
    identity_of,
    key_from_environment,
    token_count,
    was_sent,
    without_key,
)
from segearth.errors import UsageError

if TYPE_CHECKING:
    from openai import APIStatusError

_PASSING = frozenset({408, 409, 425, 429})
_HOPELESS = frozenset({401, 403, 404})


class OpenAiProvider:
    """Calls a chat completion with a picture."""

    def __init__(self, settings: ModelSettings) -> None:
        """Make a client; nothing is sent.

        Raises:
            UsageError: The package or the key is missing.
        """
        try:
            from openai import OpenAI

            from segearth.building.questions.limited_http import LimitedClient
        except ImportError as error:
            raise UsageError(
                "the package openai is not installed",
                where="--provider openai",
                hint='pip install "segearth[openai]"',
            ) from error
        self._settings = settings
        self._key = key_from_environment("OPENAI_API_KEY")
        if not self._key and not settings.base_url:
            raise UsageError(
                "there is no key for OpenAI",
                where="OPENAI_API_KEY",
                hint="set OPENAI_API_KEY in the environment, or --base-url for a local server",
            )
        self.identity = identity_of("openai", settings)
        self._client = OpenAI(
            api_key=self._key or "none",
            # Given even if empty: the client would else take OPENAI_BASE_URL, and the cache
            # would not know which server replied.
            base_url=settings.base_url or "https://api.openai.com/v1",
            timeout=settings.timeout_s,
            max_retries=0,  # the caller retries, and keeps the ledger
            http_client=LimitedClient(settings.timeout_s),
        )

    def complete(self, prompt: str, picture: bytes, *, as_json: bool) -> Reply:
        """Send a prompt with a picture; see `Provider`."""
        import openai

        try:
            completion = self._client.chat.completions.create(
                **self._body(prompt, picture, as_json)
            )
        except openai.APITimeoutError as error:
            seconds = f"{self._settings.timeout_s:g} s"
            charged = was_sent(error)
            raise CallError(f"no reply within {seconds}", again=True, charged=charged) from error
        except openai.APIStatusError as error:
            raise self._refusal(error) from error
        except openai.APIConnectionError as error:
            reason = without_key(f"the connection broke: {error.__cause__ or error}", self._key)
            raise CallError(reason, again=True, charged=was_sent(error)) from error
        except (openai.OpenAIError, ValueError, RecursionError) as error:  # nested too deeply
            reason = without_key(f"the reply cannot be read: {error}", self._key)
            raise CallError(reason, again=True, charged=True) from error
        return _reply(completion)

    def _body(self, prompt: str, picture: bytes, as_json: bool) -> dict[str, Any]:
        settings = self._settings
        url = "data:image/png;base64," + base64.b64encode(picture).decode()
        content = [
            {"type": "text", "text": prompt},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        # OpenAI's reasoning models refuse the older name, some local servers the newer one.
        limit = "max_tokens" if settings.base_url else "max_completion_tokens"
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": settings.temperature,
            limit: settings.most_output_tokens,
        }
        return body | ({"response_format": {"type": "json_object"}} if as_json else {})

    def _refusal(self, error: APIStatusError) -> CallError:
        code, body = error.status_code, error.body
        said = body.get("message") if isinstance(body, dict) else None
        return CallError(
            without_key(f"HTTP {code}: {said or error.message}", self._key),
            again=code in _PASSING or code >= 500,
            after_s=after_from(error.response.headers.get("retry-after")),
            fatal=code in _HOPELESS,
        )


def _reply(completion: Any) -> Reply:
    """Read a completion; servers other than OpenAI's leave things out."""
    try:
        choice = completion.choices[0]
        text, reason = choice.message.content, choice.finish_reason
    except (AttributeError, IndexError, TypeError) as error:
        raise CallError("the reply is no chat completion", again=True, charged=True) from error
    if reason == "length":
        raise CallError("the reply was cut off at the token limit", again=True, charged=True)
    if reason == "content_filter" or not isinstance(text, str) or not text:
        raise CallError("the model refused to reply", charged=True)
    usage = getattr(completion, "usage", None)
    return Reply(
        text=text,
        input_tokens=token_count(getattr(usage, "prompt_tokens", None)),
        output_tokens=token_count(getattr(usage, "completion_tokens", None)),
    )
