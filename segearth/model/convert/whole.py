"""Make a model folder of converted tensors, once they are known to make the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segearth.config.model import ModelRecipe
from segearth.errors import CheckpointError
from segearth.files import write_text
from segearth.model.build import build_model
from segearth.model.checkpoint import CONFIG, WEIGHTS, save_model
from segearth.model.convert.writing import (
    ASIDE,
    THEIR_CONFIG,
    Conversion,
    claim_target,
    write_tensors,
)
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.sizes import sensible_sizes


def write_whole(
    source: Path,
    out: Path,
    recipe: ModelRecipe,
    tensors: Mapping[str, Mapping[str, Tensor]],
    *,
    aside: Mapping[str, Tensor],
    config: Mapping[str, Any],
    card: str,
    taken: Mapping[str, int],
    reasons: Mapping[str, list[str]],
    overwrite: bool,
) -> Conversion:
    """Write a model folder of ours.

    Args:
        source: Has the tokenizer files.
        out: The folder.
        recipe: Of the model; its vocabulary has a row for every token.
        tensors: By the prefix that their names get in `SegEarth`; types stay as they are.
        aside: What no part of ours has, under its own names.
        config: The source's config.json.
        card: Model card, Markdown.
        taken: Tensors by part, for the report.
        reasons: Names left aside by reason, for the report.
        overwrite: Replace an earlier model.

    Raises:
        CheckpointError: The tensors do not make the model, or the tokenizer is another one's.
        UsageError: `out` holds a model already.
        DataError: `out` cannot be written to.
    """
    ours = {prefix + name: t for prefix, named in tensors.items() for name, t in named.items()}
    rows = len(ours["language.lm.model.embed_tokens.weight"])
    with sensible_sizes(str(source / CONFIG)):
        prompter = build_prompter(recipe, build_tokenizer(recipe, source))
    if len(prompter.tokenizer) > rows:
        raise CheckpointError(
            f"the tokenizer has {len(prompter.tokenizer)} entries, the embedding {rows} rows",
            where=str(source),
            hint="the tokenizer files are not those of these weights",
        )
    with torch.device("meta"), sensible_sizes(str(source / CONFIG)):
        model = build_model(recipe, prompter, pretrained=False)
    _require_whole(ours, model.state_dict(), str(source))
    claim_target(source, out, CONFIG, overwrite=overwrite)
    write_tensors(out / ASIDE, aside)
    write_text(out / THEIR_CONFIG, json.dumps(config, indent=1) + "\n")
    save_model(out, model, prompter, recipe, card=card, tensors=ours)
    return Conversion(
        written=[out / name for name in (CONFIG, WEIGHTS, ASIDE, THEIR_CONFIG)],
        taken=taken,
        aside=reasons,
        notes=[f"a whole model: --model {out}"],
    )


def _require_whole(ours: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: str) -> None:
    """Refuse tensors that do not make the model, before anything is written.

    Raises:
        CheckpointError: Names what is missing, misshapen or unexpected.
    """
    faults = [f"missing {name}" for name in wanted if name not in ours]
    faults += [f"unexpected {name}" for name in ours if name not in wanted]
    faults += [
        f"misshapen {name}: {tuple(ours[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in ours and ours[name].shape != tensor.shape
    ]
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise CheckpointError(
            f"it does not make the model: {'; '.join(faults[:5])}{more}", where=source
        )
