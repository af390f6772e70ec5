"""Official Mask2Former pickles into starting weights for pyramid and mask head."""

from __future__ import annotations

from pathlib import Path

from segearth.errors import CheckpointError
from segearth.model.convert.pickles import read_pickle
from segearth.model.convert.writing import (
    ASIDE,
    Conversion,
    by_reason,
    claim_target,
    refuse_unknown,
    require_parts,
    write_tensors,
)
from segearth.model.pretrained.fitting import sort_out
from segearth.model.pretrained.mask2former import DETECTRON2

PYRAMID = "pyramid.safetensors"
MASK_HEAD = "mask_head.safetensors"


def convert_mask2former(source: Path, out: Path, *, overwrite: bool = False) -> Conversion:
    """Convert a `model_final_*.pkl` of the Mask2Former repository with a Swin backbone.

    Args:
        source: The pickle; read without running anything in it.
        out: Folder for `PYRAMID`, `MASK_HEAD` and what has no place here.
        overwrite: Replace an earlier conversion.

    Raises:
        CheckpointError: It is unsafe, broken, or not a Mask2Former with a Swin.
        UsageError: The folder holds a conversion already.
        DataError: The folder cannot be written to.
    """
    if not source.is_file():
        raise CheckpointError(f"there is no file {source}", where="SRC")
    tensors = read_pickle(source)
    held = sort_out(tensors, DETECTRON2)
    refuse_unknown(held.unknown, source=str(source), kind="a Mask2Former with a Swin")
    require_parts(held.parts, ("pyramid", "mask_head"), source)
    claim_target(source, out, MASK_HEAD, overwrite=overwrite)
    files = {PYRAMID: held.parts["pyramid"], ASIDE: {n: tensors[n] for n in held.aside}}
    files[MASK_HEAD] = held.parts["mask_head"]  # last: it marks a complete conversion
    for name, part in files.items():
        write_tensors(out / name, part)
    return Conversion(
        written=[out / name for name in files],
        taken={part: len(held.parts[part]) for part in ("pyramid", "mask_head")},
        aside=by_reason(held.aside),
        notes=[
            f"model.pyramid.weights: {out / PYRAMID} with model.pyramid.output_norms: true",
            f"model.mask_head.weights: {out / MASK_HEAD}",
        ],
    )
