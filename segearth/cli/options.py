"""Options that several commands share, defined once.

A command writes `model: options.Model = options.SHIPPED_MODEL`: name, short form and
help come from here, the default stands in the signature where a reader looks for it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

SHIPPED_MODEL = "mini"

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DtypeName = Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"]

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A model folder, such as runs/nano/best; 'mini' comes with the package.",
    ),
]
Device = Annotated[
    DeviceName,
    typer.Option("--device", help="Where to compute; auto takes a GPU if there is one."),
]
Dtype = Annotated[
    DtypeName,
    typer.Option(
        "--dtype",
        help="Number format; auto is bf16 on CUDA and fp32 elsewhere. int8 and nf4 round the "
        "language model's weights to save memory (extra: quantize).",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace earlier results instead of refusing."),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on stdout and nothing else there."),
]
