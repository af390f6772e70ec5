"""`segearth data convert-weights`: released checkpoints into ours, and ours into the authors'."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segearth.cli import options, output

if TYPE_CHECKING:
    from segearth.model.convert.writing import Conversion

Kind = Literal["segearth-r1", "segearth-r2", "mask2former", "to-segearth-r2"]


def convert_weights(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="What SRC is, or becomes.")],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder, or pickle.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DST", help="Folder to write.")],
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Convert released weights, bit by bit, and say where each tensor went.

    KIND is one of

    segearth-r2: the authors' merged folder; DST is a model folder, good for --model.

    to-segearth-r2: a model folder; DST is the authors' merged folder.

    segearth-r1: a released folder of SegEarth-R1; DST is a model folder, good for --model.

    mask2former: a model_final_*.pkl with Swin; DST holds starting weights of mask encoder
    and decoders.
    """
    conversion = _convert(kind, source, out, overwrite)
    if as_json:
        output.print_json(
            {
                "kind": kind,
                "written": [str(path) for path in conversion.written],
                "tensors": dict(conversion.taken),
                "left_aside": dict(conversion.aside),
                "notes": conversion.notes,
            }
        )
        return
    rows = [(part.replace("_", " "), count) for part, count in conversion.taken.items()]
    rows += [(f"left aside: {why}", len(names)) for why, names in conversion.aside.items()]
    output.print_table(("part", "tensors"), rows, title=str(out))
    for note in conversion.notes:
        output.print_text(note)


def _convert(kind: Kind, source: Path, out: Path, overwrite: bool) -> Conversion:
    """Call the converter; each imports torch, so only the one that is needed."""
    if kind == "mask2former":
        from segearth.model.convert.mask2former import convert_mask2former

        return convert_mask2former(source, out, overwrite=overwrite)
    if kind == "segearth-r1":
        from segearth.model.convert.segearth_r1 import convert_r1

        return convert_r1(source, out, overwrite=overwrite)
    from segearth.model.convert.segearth_r2 import convert_r2, convert_to_r2

    if kind == "segearth-r2":
        return convert_r2(source, out, overwrite=overwrite)
    return convert_to_r2(source, out, overwrite=overwrite)
