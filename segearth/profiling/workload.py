"""What the model is asked when its cost is counted: how many tokens, and in which way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segearth.errors import UsageError

Protocol = Literal["teacher-forced", "generate"]
Decode = Literal["joint", "per-query"]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One picture, one instruction, one target.

    Attributes:
        text_tokens: Tokens of prompt and answer at k = 1; image tokens are apart.
        answer_tokens: Those of them that are the answer, with `[SEG]` and the end token.
        protocol: `teacher-forced`: the answer is given and all tokens run in one pass, with
            the word head at every place, as the authors evaluate. `generate`: the prompt runs
            once, then the answer token by token on its cache, `[SEG1]` to `[SEGk]` in one
            pass, with the word head at the places that choose, as segearth answers.
    """

    text_tokens: int
    answer_tokens: int
    protocol: Protocol

    def __post_init__(self) -> None:
        """Refuse a text that is shorter than its answer."""
        if not 1 < self.answer_tokens < self.text_tokens:
            raise UsageError(
                f"{self.text_tokens} text tokens leave no prompt beside an answer of "
                f"{self.answer_tokens}",
                where="--text-tokens",
                hint=f"take {self.answer_tokens + 1} or more",
            )

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt, without the image's."""
        return self.text_tokens - self.answer_tokens

    def tokens_at(self, k: int, image_tokens: int) -> int:
        """All tokens of the sequence when `[SEG]` is k tokens."""
        return image_tokens + self.text_tokens + k - 1


PAPER = Workload(text_tokens=61, answer_tokens=20, protocol="teacher-forced")
"""729 image tokens and 61 of text, 790 together. The paper does not say how long its texts
are; Mipha's system sentence, the task's sentence, a description and a short answer come to
60 to 100 tokens."""
