"""SegEarth-R1's released checkpoints into starting weights for our parts.

R1 is another model: its instruction is the query (pooled description and D-Projector), and
its image tokens come from two strided convolutions. Neither mechanism can be configured
here yet, so their tensors are kept under their own names and nothing is made up for them.
Phi-1.5, Swin-B, pixel decoder and predictor are the same as here and are converted.
"""

from __future__ import annotations

import json
from pathlib import Path

from segearth.errors import CheckpointError
from segearth.files import atomic_path, write_text
from segearth.model.convert.mask2former import MASK_HEAD, PYRAMID
from segearth.model.convert.phi_heads import with_separate_heads
from segearth.model.convert.writing import (
    ASIDE,
    Conversion,
    by_reason,
    claim_target,
    refuse_unknown,
    require_parts,
    write_tensors,
)
from segearth.model.pretrained.fitting import Rule, sort_out
from segearth.model.pretrained.mask2former import code_family
from segearth.model.pretrained.mipha import PHI
from segearth.model.pretrained.source import read_config, read_weights

LANGUAGE = "language"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
_INSTRUCTION = "instruction as query (description pooling and D-Projector): not yet configured"
_CONNECTOR = "connector of two strided convolutions: not yet configured"

RULES = [
    *PHI,
    *code_family(r"model\.vision_tower\."),
    Rule(r"model\.mm_projector\.", None, _CONNECTOR),
    Rule(r"seg_query$", None, "100 learnt query tokens that R1 never reads"),
    Rule(r"(text_projector|origin_SEG_token_projector|local_project)\.", None, _INSTRUCTION),
    Rule(r"(d_layers|SEG_token_projector)\.", None, _INSTRUCTION),
]


def convert_r1(source: Path, out: Path, *, overwrite: bool = False) -> Conversion:
    """Convert a released folder (`earth-insights/SegEarth-R1-*`, safetensors).

    Args:
        source: The folder, with its config.json.
        out: Receives `LANGUAGE` (a plain Phi folder with q, k and v apart), `PYRAMID`,
            `MASK_HEAD` and what belongs to mechanisms that are not configured here.
        overwrite: Replace an earlier conversion.

    Raises:
        CheckpointError: The folder is not whole, or not SegEarth-R1.
        UsageError: `out` holds a conversion already.
        DataError: `out` cannot be written to.
    """
    config = read_config(source, where="SRC")
    tensors = read_weights(source, where="SRC")
    heads = config.get("num_attention_heads")
    if not isinstance(heads, int) or heads < 1:
        raise CheckpointError(
            f"num_attention_heads is {heads!r}; without it q, k and v cannot be told apart",
            where=str(source / "config.json"),
        )
    try:
        held = sort_out(with_separate_heads(tensors, heads), RULES)
    except ValueError as error:
        raise CheckpointError(str(error), where=str(source)) from error
    refuse_unknown(held.unknown, source=str(source), kind="SegEarth-R1")
    require_parts(held.parts, ("language", "pyramid", "mask_head"), source)
    plain = phi_config(config)
    claim_target(source, out, MASK_HEAD, overwrite=overwrite)
    (out / LANGUAGE).mkdir(exist_ok=True)
    written = [out / LANGUAGE]
    write_tensors(out / LANGUAGE / "model.safetensors", held.parts["language"])
    rows = held.parts["language"]["model.embed_tokens.weight"].shape[0]
    plain |= {"architectures": ["PhiForCausalLM"], "vocab_size": rows}
    write_text(out / LANGUAGE / "config.json", json.dumps(plain, indent=1) + "\n")
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            with atomic_path(out / LANGUAGE / name) as temporary:
                temporary.write_bytes((source / name).read_bytes())
    files = {PYRAMID: held.parts["pyramid"], ASIDE: {n: tensors[n] for n in held.aside}}
    files[MASK_HEAD] = held.parts["mask_head"]  # last: it marks a complete conversion
    for name, part in files.items():
        write_tensors(out / name, part)
        written.append(out / name)
    return Conversion(
        written=written,
        taken={p: len(held.parts[p]) for p in ("language", "pyramid", "mask_head")},
        aside=by_reason(held.aside),
        notes=[
            f"model.language.name: {out / LANGUAGE} with model.language.head_bias: false",
            f"model.pyramid.weights: {out / PYRAMID} with model.pyramid.output_norms: true",
            f"model.mask_head.weights: {out / MASK_HEAD}"
            " with model.mask_head.extra_lateral_relu: true",
            "these are starting weights, not SegEarth-R1: its query and its connector are missing",
        ],
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
    missing = [key for key in needed if key not in config]
    if missing:
        raise CheckpointError(
            f"config.json has no {', '.join(missing)}", where="SRC", hint="name the whole folder"
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
