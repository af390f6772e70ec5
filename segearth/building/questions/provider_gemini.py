"""Gemini, the model of the paper (Gemini-2.5-pro at temperature 1.0, thinking on; Sec. 7.4).

Needs the extra ``gemini``. The key is GEMINI_API_KEY or GOOGLE_API_KEY.
"""

from __future__ import annotations

from typing import Any

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

_PASSING = frozenset({408, 429})
_HOPELESS = frozenset({401, 403, 404})


class GeminiProvider:
    """Calls generateContent with a picture."""

    def __init__(self, settings: ModelSettings) -> None:
        """Make a client; nothing is sent.

        Raises:
            UsageError: The package or the key is missing.
        """
        try:
            from google import genai
            from google.genai import types

            from segearth.building.questions.limited_http import LimitedClient
        except ImportError as error:
            raise UsageError(
                "the package google-genai is not installed",
                where="--provider gemini",
                hint='pip install "segearth[gemini]"',
            ) from error
        self._settings = settings
        self._key = key_from_environment("GEMINI_API_KEY", "GOOGLE_API_KEY")
        if not self._key:
            raise UsageError(
                "there is no key for Gemini",
                where="GEMINI_API_KEY",
                hint="set GEMINI_API_KEY in the environment",
            )
        self.identity = identity_of("gemini", settings)
        self._types = types
        self._client = genai.Client(
            api_key=self._key,
            vertexai=False,
            http_options=types.HttpOptions(
                # Given even if empty, so that no variable of the environment can change it.
                base_url=settings.base_url or "https://generativelanguage.googleapis.com",
                timeout=round(1000 * settings.timeout_s),
                retry_options=types.HttpRetryOptions(attempts=1),  # the caller retries
                httpx_client=LimitedClient(settings.timeout_s),
            ),
        )

    def complete(self, prompt: str, picture: bytes, *, as_json: bool) -> Reply:
        """Send a prompt with a picture; see `Provider`."""
        import httpx2
        from google.genai import errors

        types, settings = self._types, self._settings
        try:
            response = self._client.models.generate_content(
                model=settings.model,
                contents=[types.Part.from_bytes(data=picture, mime_type="image/png"), prompt],
                config=types.GenerateContentConfig(
                    temperature=settings.temperature,
                    max_output_tokens=settings.most_output_tokens,
                    response_mime_type="application/json" if as_json else None,
                ),
            )
        except errors.APIError as error:
            raise self._refusal(error) from error
        except httpx2.TimeoutException as error:
            seconds = f"{settings.timeout_s:g} s"
            charged = was_sent(error)
            raise CallError(f"no reply within {seconds}", again=True, charged=charged) from error
        except httpx2.HTTPError as error:
            reason = without_key(f"the connection broke: {error}", self._key)
            raise CallError(reason, again=True, charged=was_sent(error)) from error
        # No JSON, not of the form that the client knows, or nested too deeply.
        except (ValueError, RecursionError) as error:
            reason = without_key(f"the reply cannot be read: {error}", self._key)
            raise CallError(reason, again=True, charged=True) from error
        return _reply(response)

    def _refusal(self, error: Any) -> CallError:
        code = int(error.code or 0)
        headers = getattr(error.response, "headers", None) or {}
        # A wrong key is "invalid argument" here, and not "unauthorized".
        wrong_key = "API_KEY_INVALID" in str(error.details)
        return CallError(
            without_key(f"HTTP {code}: {error.message or error.status}", self._key),
            again=code in _PASSING or code >= 500,
            after_s=after_from(headers.get("retry-after")),
            fatal=code in _HOPELESS or wrong_key,
        )


def _reply(response: Any) -> Reply:
    candidates = response.candidates or []
    if not candidates and not response.prompt_feedback:
        raise CallError("the reply holds no candidate", again=True, charged=True)
    reason = str(candidates[0].finish_reason or "") if candidates else "the prompt was blocked"
    if "MAX_TOKENS" in reason:
        raise CallError("the reply was cut off at the token limit", again=True, charged=True)
    parts = (candidates[0].content.parts or []) if candidates and candidates[0].content else []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    if not text:
        raise CallError(f"the model refused to reply ({reason.lower()})", charged=True)
    usage = response.usage_metadata
    given = None if usage is None else token_count(usage.candidates_token_count)
    thought = None if usage is None else token_count(usage.thoughts_token_count or 0)
    return Reply(
        text=text,
        input_tokens=None if usage is None else token_count(usage.prompt_token_count),
        output_tokens=None if given is None or thought is None else given + thought,
    )
