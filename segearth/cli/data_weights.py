"""`segearth data convert-weights`: released checkpoints into ours, and ours into the authors'."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segearth.cli import options, output
from segearth.errors import UsageError

if TYPE_CHECKING:
    from segearth.model.convert.writing import Conversion

Template = Literal["a-v0", "a-inst", "b-v0", "b-inst", "c-v0", "c-inst"]
EVALUATED: Template = "c-inst"
Kind = Literal["segearth-r1", "segearth-r2", "mask2former", "to-segearth-r1", "to-segearth-r2"]


def convert_weights(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="What SRC is, or becomes.")],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder, or pickle.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DST", help="Folder to write.")],
    template: Annotated[
        Template | None,
        typer.Option(
            "--template",
            help="With segearth-r2: the words it was trained with. a, b, c: the authors' prompts, "
            "first to latest; v0: as they train, inst: as they evaluate. [c-inst]",
            show_default=False,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Convert released weights, bit by bit, and say where each tensor went.

    KIND is one of

    segearth-r2: the authors' merged folder; DST is a model folder, good for --model.

    to-segearth-r2: a model folder; DST is the authors' merged folder.

    segearth-r1: a released folder of SegEarth-R1; DST is a model folder, good for --model.

    to-segearth-r1: a model folder that was once R1's; DST is a folder as R1 was released.

    mask2former: a model_final_*.pkl with Swin; DST holds starting weights of mask encoder
    and decoders.
    """
    if template is not None and kind != "segearth-r2":
        raise UsageError(
            f"{kind} has no choice of templates", where="--template", hint="leave it out"
        )
    conversion = _convert(kind, source, out, overwrite, template)
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


def _convert(
    kind: Kind, source: Path, out: Path, overwrite: bool, template: Template | None
) -> Conversion:
    """Call the converter; each imports torch, so only the one that is needed."""
    if kind == "mask2former":
        from segearth.model.convert.mask2former import convert_mask2former

        return convert_mask2former(source, out, overwrite=overwrite)
    if kind == "segearth-r1":
        from segearth.model.convert.segearth_r1 import convert_r1

        return convert_r1(source, out, overwrite=overwrite)
    if kind == "to-segearth-r1":
        from segearth.model.convert.to_segearth_r1 import convert_to_r1

        return convert_to_r1(source, out, overwrite=overwrite)
    if kind == "to-segearth-r2":
        from segearth.model.convert.to_segearth_r2 import convert_to_r2

        return convert_to_r2(source, out, overwrite=overwrite)
    from segearth.model.convert.segearth_r2 import convert_r2

    return convert_r2(source, out, overwrite=overwrite, template=template or EVALUATED)
