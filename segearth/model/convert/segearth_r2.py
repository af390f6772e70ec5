"""The authors' merged SegEarth-R2 folder into a model folder of ours.

Both hold the same tensors under different names, so nothing is computed, and types stay as they
are on disk. What the authors' code carries along without reading it is kept beside our weights,
for the way back (`to_segearth_r2`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from segearth.config.model import ModelRecipe
from segearth.config.presets import mipha_3b
from segearth.config.templates import R2_EVALUATED, R2_TEMPLATES
from segearth.model.convert.segearth_r1 import phi_config
from segearth.model.convert.whole import write_whole
from segearth.model.convert.writing import (
    Conversion,
    by_reason,
    refuse_unknown,
    require_parts,
)
from segearth.model.pretrained.fitting import sort_out
from segearth.model.pretrained.mipha import SEGEARTH_R2
from segearth.model.pretrained.source import read_config, read_weights

PREFIXES = {
    "language": "language.lm.",
    "image_tower": "image_tower.tower.",
    "connector": "mm_projector.",
    "pyramid": "vision_tower_mask.",
    "mask_head": "",
    "seg_projector": "SEG_token_projector.",
}
"""Where a part's tensors are in `SegEarth`."""

CARD = """# SegEarth-R2, converted

Converted from the authors' merged folder `{source}` by `segearth data convert-weights
segearth-r2`. Weights, and with them their licence and figures, are the authors'.
"""


def convert_r2(
    source: Path,
    out: Path,
    *,
    overwrite: bool = False,
    template: str = R2_EVALUATED,
    base: ModelRecipe | None = None,
) -> Conversion:
    """Make a model folder of the authors' merged folder.

    Args:
        source: Safetensors, config.json and tokenizer files.
        out: The model folder; good for `--model`.
        overwrite: Replace an earlier model.
        template: Of `R2_TEMPLATES`: the words it was trained with, which no file tells.
        base: Sizes that config.json does not have (pyramid and mask head), the paper's by
            default; those of language model and tower are taken from config.json.

    Raises:
        CheckpointError: The folder is not whole, or not SegEarth-R2.
        UsageError: `out` holds a model already.
        DataError: `out` cannot be written to.
    """
    config = read_config(source, where="SRC")
    tensors = read_weights(source, where="SRC")
    held = sort_out(tensors, SEGEARTH_R2)
    refuse_unknown(held.unknown, source=str(source), kind="SegEarth-R2")
    require_parts(held.parts, tuple(PREFIXES), source)
    rows = held.parts["language"]["model.embed_tokens.weight"].shape[0]
    base = base or mipha_3b()
    words = replace(R2_TEMPLATES[template], end=base.template.end)
    base = replace(base, template=words)
    recipe = _recipe(base, config, source, rows, "lm_head.bias" in tensors)
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


def _recipe(
    base: ModelRecipe, config: dict[str, Any], source: Path, rows: int, bias: bool
) -> ModelRecipe:
    """Fill in the sizes of language model and tower."""
    vision = config.get("vision_config")
    vision = vision.get("vision_tower", vision) if isinstance(vision, dict) else {}
    names = base.image_tokens.config
    # Sizes that their config.json leaves out are those of the paper's tower.
    tower = {key: vision.get(key, value) for key, value in names.items()}
    language = replace(
        base.language,
        name=source.name,
        config={**phi_config(config), "vocab_size": rows},
        lora_rank=0,
        head_bias=bias,
    )
    return replace(base, language=language, image_tokens=replace(base.image_tokens, config=tower))
