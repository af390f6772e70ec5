"""Text to token ids and back: template, `[SEG]` tokens, one question at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segearth.config.model import Mechanism, TemplateRecipe
from segearth.data.answers import SEG, count_seg, expand_seg, merge_targets, seg_tokens
from segearth.data.json_lines import fits_utf8
from segearth.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Prompter:
    """Writes what the language model reads, and reads what it writes.

    Attributes:
        tokenizer: A transformers tokenizer that knows the `[SEG]` tokens.
        template: The words around image, instruction and answer.
        image_tokens: P, slots kept for the image.
        queries_per_target: k.
        max_instruction_tokens: Longer instructions are refused.
        max_answer_tokens: Longer answers are not trained on, and not generated. `[SEG1]` to
            `[SEGk]` count as one token, so that the same answer fits for every k.
        mechanism: How masks are asked for; see `ModelRecipe.mechanism`.
        proposals: Query tokens behind an answer; 0 but for `propose_then_select`.
        always_draws: See `ModelRecipe.always_draws`.
        most_positions: Tokens that the language model can read; None if it does not say.
    """

    tokenizer: Any
    template: TemplateRecipe
    image_tokens: int
    queries_per_target: int
    max_instruction_tokens: int
    max_answer_tokens: int
    mechanism: Mechanism = "seg_token"
    proposals: int = 0
    always_draws: bool = False
    most_positions: int | None = None

    @property
    def pools_description(self) -> bool:
        """Whether the query is pooled from the instruction's words (`instruction_as_query`)."""
        return self.mechanism == "instruction_as_query"

    @property
    def before_ids(self) -> list[int]:
        """Tokens before the image."""
        return self._encode(self.template.before)

    @property
    def prefix_length(self) -> int:
        """Tokens up to and with the last image token."""
        return len(self.before_ids) + self.image_tokens

    @property
    def image_span(self) -> tuple[int, int]:
        """First and one-past-last image token."""
        return len(self.before_ids), self.prefix_length

    @property
    def seg_ids(self) -> list[int]:
        """Ids of `[SEG]`, or of `[SEG1]` to `[SEGk]`."""
        ids: list[int] = self.tokenizer.convert_tokens_to_ids(seg_tokens(self.queries_per_target))
        return ids

    @property
    def end_id(self) -> int:
        """Id of the token that closes an answer."""
        end: int = self.tokenizer.convert_tokens_to_ids(self.template.end)
        return end

    def question_ids(self, instruction: str, ground_width_m: float | None) -> list[int]:
        """Encode the question's part of the template.

        For `instruction_as_query` a `[SEG]` follows the words, as in SegEarth-R1.

        Raises:
            UsageError: The instruction is empty or too long.
        """
        return [token for part in self._question(instruction, ground_width_m) for token in part]

    def description_places(self, instruction: str, ground_width_m: float | None) -> range:
        """Say which of `question_ids` the query is pooled from: the words and their `[SEG]`.

        Empty where the mechanism pools nothing.

        Raises:
            UsageError: The instruction is empty or too long.
        """
        head, described, _ = self._question(instruction, ground_width_m)
        return range(len(head), len(head) + len(described))

    def _question(
        self, instruction: str, ground_width_m: float | None
    ) -> tuple[list[int], list[int], list[int]]:
        """Encode what comes before the description, the description, and what follows it."""
        words = " ".join(instruction.split())
        if not words:
            raise UsageError(
                "the instruction is empty",
                where="instruction",
                hint='say what to find: "the runway"',
            )
        if not fits_utf8(words):
            raise UsageError(
                "the instruction is no Unicode text",
                where="instruction",
                hint="write it in UTF-8",
            )
        length = len(self._encode(words))
        if length > self.max_instruction_tokens:
            raise UsageError(
                f"the instruction has {length} tokens; this model reads "
                f"{self.max_instruction_tokens}",
                where="instruction",
                hint="ask shorter, or split it with --also",
            )
        text = self.template.question.replace("{width_m}", width_words(ground_width_m))
        if not self.pools_description:
            return self._encode(text.replace("{instruction}", words)), [], []
        head, _, tail = text.partition("{instruction}")
        # Byte pairs write a space into the word behind it, as within a sentence.
        space = " " if head.endswith(" ") else ""
        described = [*self._encode(space + words), *self.seg_ids]
        tail = tail.replace("{instruction}", words)
        return self._encode(head.removesuffix(" ")), described, self._encode(tail)

    def answer_ids(self, answer: str) -> list[int]:
        """Encode an answer, `[SEG]` expanded to k tokens, closed by the end token."""
        ids = self._encode(expand_seg(answer, self.queries_per_target))
        return [*ids, self.end_id]

    def answer_text(self, ids: Sequence[int]) -> str:
        """Decode generated ids to the paper's notation, one `[SEG]` a target."""
        kept = [token for token in ids if token != self.end_id]
        text = self.tokenizer.decode(kept, skip_special_tokens=False)
        if self.queries_per_target > 1:
            text = re.sub(r"\[SEG1\](\s*\[SEG(?!1\])\d+\])*", SEG, text)
        text = tidy_answer(text, glue_dashes=self._loses_spaces)
        return merge_targets(text) if self.pools_description else text

    def fits(self, instruction: str, answer: str) -> bool:
        """Tell whether a question and its answer are within the model's limits."""
        words = " ".join(instruction.split())
        if not 0 < len(self._encode(words)) <= self.max_instruction_tokens:
            return False
        length = len(self.answer_ids(answer))
        following = (self.queries_per_target - 1) * count_seg(answer)
        if length - following > self.max_answer_tokens:
            return False
        whole = self.prefix_length + len(self.question_ids(words, None)) + length + self.proposals
        return self.most_positions is None or whole <= self.most_positions

    @property
    def _loses_spaces(self) -> bool:
        """Word pieces cannot tell "upper-left" from "upper - left"; byte pairs can."""
        return str(self.tokenizer.decode(self._encode("a-b"))).strip() != "a-b"

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def width_words(ground_width_m: float | None) -> str:
    """Say the ground width in metres with two digits, or `unknown`."""
    if not ground_width_m or not math.isfinite(ground_width_m) or ground_width_m <= 0:
        return "unknown"
    digits = 1 - math.floor(math.log10(ground_width_m))
    rounded = round(ground_width_m, digits)
    return f"{rounded:.0f}" if rounded >= 10 else f"{rounded:g}"


def tidy_answer(text: str, *, glue_dashes: bool = True) -> str:
    """Undo what word-piece decoding does to spaces, tags and the first letter.

    Args:
        text: As decoded.
        glue_dashes: Read "upper - left" as "upper-left".
    """
    text = re.sub(r"<\s*p\s*>\s*", "<p>", text)
    text = re.sub(r"\s*<\s*/\s*p\s*>", " </p>", text)
    text = re.sub(r"</p>\s*\[SEG\]", f"</p>{SEG}", text)
    text = re.sub(r"\s+([.,;:!?])", r"\1", text)
    text = re.sub(r"(\w)\s*'\s*(s|t|re)\b", r"\1'\2", text)
    if glue_dashes:
        text = re.sub(r"(?<=\w)\s*-\s*(?=\w)", "-", text)
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]
