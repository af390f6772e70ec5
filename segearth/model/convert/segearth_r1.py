"""SegEarth-R1's released checkpoints into a model folder of ours.

R1 is another model: its instruction is the query (pooled description and D-Projector), its
image tokens come from Swin's coarsest map by two strided convolutions, and it always draws.
All of that can be configured here (`segearth.config.presets.segearth_r1`). Nothing is computed
but that the fused attention projection comes apart; types stay as they are on disk.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segearth.config.model import ModelRecipe
from segearth.config.presets import segearth_r1
from segearth.errors import CheckpointError
from segearth.model.convert.phi_heads import with_separate_heads
from segearth.model.convert.whole import write_whole
from segearth.model.convert.writing import (
    Conversion,
    by_reason,
    refuse_unknown,
    require_parts,
)
from segearth.model.pretrained.fitting import Rule, sort_out
from segearth.model.pretrained.mask2former import code_family
from segearth.model.pretrained.mipha import PHI
from segearth.model.pretrained.source import read_config, read_weights

PREFIXES = {
    "language": "language.lm.",
    "connector": "mm_projector.",
    "pyramid": "vision_tower_mask.",
    "mask_head": "",
    "mechanism": "mechanism.",
    "seg_projector": "SEG_token_projector.",
}
"""Where a part's tensors are in `SegEarth`."""

RULES = [
    *PHI,
    *code_family(r"model\.vision_tower\."),
    Rule(r"model\.mm_projector\.", "connector/"),
    Rule(r"seg_query$", None, "100 learnt query tokens that R1 never reads"),
    Rule(
        r"(text_projector|origin_SEG_token_projector|local_project|d_layers)\.",
        r"mechanism/\1.",
    ),
    Rule(r"SEG_token_projector\.", "seg_projector/"),
]

CARD = """# SegEarth-R1, converted

Converted from the released folder `{source}` by `segearth data convert-weights segearth-r1`.
Weights, and with them their licence and figures, are the authors'. The template asks for
"Referring Segmentation"; what was trained on EarthReason was asked for "Reasoning Segmentation":
change `template.question` in config.json for it.
"""


def convert_r1(
    source: Path, out: Path, *, overwrite: bool = False, base: ModelRecipe | None = None
) -> Conversion:
    """Make a model folder of a released one (`earth-insights/SegEarth-R1-*`, safetensors).

    Args:
        source: The folder, with its config.json and tokenizer files.
        out: The model folder; good for `--model` and `train.init_from`.
        overwrite: Replace an earlier model.
        base: Sizes that config.json does not have (pyramid and mask head), R1's by default;
            those of the language model are taken from config.json.

    Raises:
        CheckpointError: The folder is not whole, or not SegEarth-R1.
        UsageError: `out` holds a model already.
        DataError: `out` cannot be written to.
    """
    config = read_config(source, where="SRC")
    tensors = read_weights(source, where="SRC")
    heads = config.get("num_attention_heads")
    if not isinstance(heads, int) or isinstance(heads, bool) or heads < 1:
        raise CheckpointError(
            f"num_attention_heads is {heads!r}; without it q, k and v cannot be told apart",
            where=str(source / "config.json"),
        )
    try:
        held = sort_out(with_separate_heads(tensors, heads), RULES)
    except ValueError as error:
        raise CheckpointError(str(error), where=str(source)) from error
    refuse_unknown(held.unknown, source=str(source), kind="SegEarth-R1")
    require_parts(held.parts, tuple(PREFIXES), source)
    rows = held.parts["language"]["model.embed_tokens.weight"].shape[0]
    recipe = base or segearth_r1()
    language = replace(
        recipe.language, name=source.name, config={**phi_config(config), "vocab_size": rows}
    )
    recipe = replace(recipe, language=language)
    return write_whole(
        source,
        out,
        recipe,
        {PREFIXES[part]: named for part, named in held.parts.items()},
        aside={name: tensors[name] for name in held.aside},
        config=config,
        card=CARD.format(source=source.name),
        taken={part: len(held.parts[part]) for part in PREFIXES},
        reasons=by_reason(held.aside),
        overwrite=overwrite,
    )


def phi_config(config: dict[str, object]) -> dict[str, object]:
    """Keep Phi's own keys of a config.json that has a model around them.

    Raises:
        CheckpointError: A size is missing.
    """
    needed = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "partial_rotary_factor",  # transformers takes 0.5 where it is left out: wrong for Phi-2
        "vocab_size",
    )
    missing = [key for key in needed if config.get(key) is None]
    if missing:
        raise CheckpointError(
            f"config.json has no {', '.join(missing)}", where="SRC", hint="name the whole folder"
        )
    if config.get("rope_scaling") is not None:
        raise CheckpointError(
            f"config.json has rope_scaling {config['rope_scaling']!r}, which Phi of this family "
            "has not",
            where="SRC",
        )
    optional = (
        "max_position_embeddings",
        "rope_theta",
        "layer_norm_eps",
        "hidden_act",
        "resid_pdrop",
        "embd_pdrop",
        "attention_dropout",
        "bos_token_id",
        "eos_token_id",
        "num_key_value_heads",
    )
    kept = {key: config[key] for key in (*needed, *optional) if config.get(key) is not None}
    return {"model_type": "phi", **kept}
