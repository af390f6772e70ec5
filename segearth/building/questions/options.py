"""What the question stage can be told, from the command line or from a recipe alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segearth.building.questions.tasks import Style
from segearth.errors import RecipeError

PAPER_MODEL = "gemini-2.5-pro"
"""Paper, Sec. 7.4."""


@dataclass(frozen=True, kw_only=True)
class QuestionOptions:
    """Settings of the question stage; see `segearth data questions --help`."""

    provider: Literal["templates", "openai", "gemini"] = "templates"
    model: str = ""
    """Empty for the paper's with gemini; the others have no default."""
    base_url: str = ""
    per_image: int = 6
    seed: int = 0
    reasoning: Literal["both", "implicit", "explicit"] = "both"
    length: Literal["both", "short", "long"] = "both"
    categories: str = ""
    """A file with a category a line, for unnamed masks; empty for LaSeRS's 122."""
    source: str = ""
    """Written to records whose image has none."""
    licence: str = ""
    """Written to records whose image has none."""
    side_px: int = 1024
    """Longer side of the pictures that are sent."""
    temperature: float = 1.0
    """The paper's (Sec. 7.4)."""
    concurrency: int = 4
    requests_per_minute: float = 0.0
    """0 for no limit."""
    timeout_s: float = 120.0
    """Of a call, from its start to the end of its reply."""
    attempts: int = 3
    """Replies asked for until one keeps the rules."""
    tries: int = 5
    """Calls made until one gives a reply."""
    first_pause_s: float = 2.0
    most_output_tokens: int = 8192
    budget_usd: float = 0.0
    """0 for no limit."""
    usd_per_mtok_in: float = 0.0
    usd_per_mtok_out: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            RecipeError: Names the option.
        """
        at_least = {"per_image": 1, "concurrency": 1, "attempts": 1, "tries": 1, "side_px": 64}
        at_least |= {"most_output_tokens": 64, "seed": 0}
        for name, least in at_least.items():
            if getattr(self, name) < least:
                raise _refusal(name, getattr(self, name), f"give {least} or more")
        for name in ("timeout_s",):
            if not 0 < getattr(self, name) < float("inf"):
                raise _refusal(name, getattr(self, name), "give seconds above 0")
        for name in ("requests_per_minute", "first_pause_s", "budget_usd", "usd_per_mtok_in"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise _refusal(name, getattr(self, name), "give 0 or more")
        if not 0 <= self.usd_per_mtok_out < float("inf"):
            raise _refusal("usd_per_mtok_out", self.usd_per_mtok_out, "give 0 or more")
        if not 0 <= self.temperature <= 2:
            raise _refusal("temperature", self.temperature, "give 0 to 2")
        if self.provider == "openai" and not self.model:
            raise _refusal("model", "", "name the model that the server offers")

    def model_name(self) -> str:
        """Return the model, the paper's if none is named."""
        return self.model or PAPER_MODEL

    def styles(self) -> list[Style]:
        """List the styles that questions are written in, in turn."""
        reasonings = ("implicit", "explicit") if self.reasoning == "both" else (self.reasoning,)
        lengths = ("long", "short") if self.length == "both" else (self.length,)
        return [Style(reasoning, length) for length in lengths for reasoning in reasonings]


def _refusal(name: str, value: object, hint: str) -> RecipeError:
    return RecipeError(f"{name} is {value!r}", where=name, hint=hint)
