"""Start a model of k queries a target from one of another k (paper, Sec. 5.4).

All weights but two kinds are the same for every k and are taken over. The rows of the
vocabulary have moved, because k `[SEG]` tokens stand where there were others, so they are found
by the words that they stand for. And the score of the candidates, which only k > 1 has, keeps
the random start of the new model. The rows of the `[SEG]` tokens themselves are new for every k,
the old one included: each is the mean of the old ones plus a random vector, as large as the
language model's own random start of a word. So k tokens start apart, and no k starts ahead.

Axes
    V  rows of the vocabulary    D  width of the language model
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from segearth.data.prompting import Prompter
from segearth.errors import CheckpointError
from segearth.model.checkpoint import WEIGHTS, load_tensors, read_recipe, read_tensors
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.segearth import SegEarth

_SCORE = "score."


def load_start(
    model: SegEarth,
    prompter: Prompter,
    folder: Path,
    *,
    seg_tokens: Literal["kept", "new"],
    seed: int,
) -> None:
    """Load a model folder to start a training from.

    Args:
        model: Takes the weights; everything but k is as in `folder`.
        prompter: Of `model`.
        folder: A model folder.
        seg_tokens: `kept` takes every tensor as it is; `new` lets k differ, see the module.
        seed: Of the new rows; the first row is the same for every k.

    Raises:
        CheckpointError: The folder is not whole, or differs in more than it may.
    """
    recipe, k = read_recipe(folder), prompter.queries_per_target
    tensors = read_tensors(folder / WEIGHTS)
    if seg_tokens == "new":
        old = build_prompter(recipe, build_tokenizer(recipe, folder))
        tensors = fit_queries(model, prompter, tensors, old, seed=seed)
    elif recipe.queries_per_target != k:
        raise CheckpointError(
            f"{folder} has {recipe.queries_per_target} queries a target, the recipe {k}",
            where="train.init_from",
            hint="--set train.seg_tokens=new starts from all of it but the [SEG] tokens",
        )
    load_tensors(model, tensors, where=str(folder / WEIGHTS))


def fit_queries(
    model: SegEarth,
    prompter: Prompter,
    tensors: Mapping[str, Tensor],
    old: Prompter,
    *,
    seed: int,
) -> dict[str, Tensor]:
    """Fit the tensors of a model of another k to `model`; see the module for what is new.

    Args:
        model: Gives names and shapes, and the start of its score.
        prompter: Of `model`.
        tensors: Of the other model, by name.
        old: Its prompter.
        seed: Of the new rows.

    Returns:
        Tensors for `load_tensors`.

    Raises:
        CheckpointError: A table of the vocabulary has fewer rows than the old tokenizer words.
    """
    fitted = {name: t for name, t in tensors.items() if not name.startswith(_SCORE)}
    own = model.state_dict()
    fitted |= {name: tensor for name, tensor in own.items() if name.startswith(_SCORE)}
    spread = float(model.language.lm.config.initializer_range)
    for name in _vocabulary(model):
        if name in fitted:
            moved = _moved(fitted[name], len(own[name]), prompter, old)
            fitted[name] = _with_new_rows(moved, fitted[name][old.seg_ids], prompter, spread, seed)
    return fitted


def _vocabulary(model: SegEarth) -> list[str]:
    """Name the parameters with a row, or a number, for every word; tied names included."""
    lm = model.language.lm
    head = cast(nn.Module, lm.get_output_embeddings())
    tables: list[Any] = [lm.get_input_embeddings().weight, head.weight]
    tables.append(getattr(head, "bias", None))
    ids = {id(table) for table in tables}
    named = model.named_parameters(remove_duplicate=False)
    return [name for name, parameter in named if id(parameter) in ids]


def _moved(table: Tensor, rows: int, prompter: Prompter, old: Prompter) -> Tensor:
    """Move the rows of a table ``(V, D)``, or ``(V,)``, to where their words stand now.

    Rows of no word, which some language models have to spare, stay where they are; where
    there are none to take, they are zero.
    """
    words = old.tokenizer.get_vocab()
    if len(table) <= max(words.values()):
        raise CheckpointError(
            f"the vocabulary has {len(table)} rows, its tokenizer {len(words)} words",
            hint="copy the model folder again, tokenizer files included",
        )
    moved = table.new_zeros(rows, *table.shape[1:])
    spare = min(rows, len(table))
    moved[:spare] = table[:spare]
    for word, place in prompter.tokenizer.get_vocab().items():
        if word in words:
            moved[place] = table[words[word]]
    return moved


def _with_new_rows(
    table: Tensor, before: Tensor, prompter: Prompter, spread: float, seed: int
) -> Tensor:
    """Draw the `[SEG]` rows around those before, ``(old k, D)``; a bias takes their mean."""
    new = before.float().mean(dim=0).expand(prompter.queries_per_target, *before.shape[1:])
    if table.ndim > 1:
        generator = torch.Generator().manual_seed(seed)
        new = new + spread * torch.randn(new.shape, generator=generator).to(new.device)
    table[prompter.seg_ids] = new.to(table.dtype)
    return table
