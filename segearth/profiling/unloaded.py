"""Models without weights or tokenizer, for counting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from segearth.config.model import ModelRecipe
from segearth.data.prompting import Prompter
from segearth.model.build import build_model
from segearth.model.inputs import geometry
from segearth.model.segearth import SegEarth


class _Wordless:
    """Stands in for a tokenizer where only the size of the vocabulary matters."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __call__(self, text: str, **_options: object) -> dict[str, list[int]]:
        return {"input_ids": []}


def build_unloaded(
    recipe: ModelRecipe, k: int, vocabulary: int, *, device: str = "meta"
) -> SegEarth:
    """Build a model without weights or tokenizer.

    Args:
        recipe: Its sizes.
        k: Queries per target, or proposals, in place of the recipe's.
        vocabulary: Entries of the tokenizer, `[SEG]` tokens included.
        device: ``meta`` gives shapes without memory.
    """
    sized = recipe.with_queries(k)
    prompter = Prompter(
        tokenizer=_Wordless(vocabulary),
        template=sized.template,
        image_tokens=geometry(sized).cells ** 2,
        queries_per_target=sized.queries_per_target,
        max_instruction_tokens=sized.max_instruction_tokens,
        max_answer_tokens=sized.max_answer_tokens,
    )
    with torch.device(device):
        return build_model(sized, prompter, pretrained=False).eval()


def unloaded_models(
    recipe: ModelRecipe, queries: Sequence[int], vocabulary: Callable[[int], int]
) -> Iterator[tuple[int, SegEarth]]:
    """Build a model for each k; one for all where k changes nothing but the score.

    That is so where the language model has rows to spare for all `[SEG]` tokens, as Phi-2 has.

    Args:
        recipe: Sizes.
        queries: Values of k.
        vocabulary: Entries of the tokenizer for a k.

    Yields:
        Each k with its model, to be used before the next one is asked for.
    """
    rows = recipe.language.config.get("vocab_size", 0)
    spare = isinstance(rows, int) and max(map(vocabulary, queries)) <= rows
    if recipe.mechanism != "seg_token" or not spare:
        for k in queries:
            yield k, build_unloaded(recipe, k, vocabulary(k))
        return
    model = build_unloaded(recipe, max(queries), vocabulary(max(queries)))
    score = model.score
    for k in queries:
        model.queries_per_target, model.score = k, score if k > 1 else None
        yield k, model
