"""`segearth predict`: ask for something in an image, get masks that lie on the map."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segearth.cli import options
from segearth.cli.predict_runs import (
    Run,
    answer_one,
    answer_requests,
    answer_several,
    list_failures,
)
from segearth.errors import DataError, UsageError

if TYPE_CHECKING:
    from segearth.geo.stretch import Stretch

NOTHING_FOUND = 6

Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="INSTRUCTION",
        help="Ask this too (repeatable); the image is encoded once.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="OUT",
        help="Folder for the results.  [default: <image stem>-segearth]",
        show_default=False,
    ),
]
FailOnEmpty = Annotated[
    bool, typer.Option("--fail-on-empty", help="Leave with code 6 if nothing was found.")
]
Bands = Annotated[
    str | None,
    typer.Option(
        "--bands",
        metavar="R,G,B",
        help="Bands to show as red, green, blue, from 1; one number is shown as grey.  "
        "[default: the first three]",
        show_default=False,
    ),
]
StretchText = Annotated[
    str | None,
    typer.Option(
        "--stretch",
        metavar="HOW",
        help="none, percentile (2 to 98, once for the scene) or MIN,MAX.  "
        "[default: none for 8 bits, else percentile]",
        show_default=False,
    ),
]
Gsd = Annotated[
    float | None,
    typer.Option(
        "--gsd",
        metavar="METRES",
        min=0.001,
        help="Ground size of a pixel, where the image does not say or says it wrong.",
    ),
]
WindowSide = Annotated[
    int | None,
    typer.Option(
        "--window",
        metavar="PX",
        help="Side of the windows that a large image is cut into.  [default: the model's]",
        show_default=False,
    ),
]
Overlap = Annotated[
    float, typer.Option("--overlap", metavar="SHARE", help="What neighbouring windows share.")
]


def predict(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="Any raster GDAL reads: a path, /vsi…, https://…, s3://…; a folder or "
            "'*.tif' of them; or REQUESTS.jsonl.",
        ),
    ],
    instruction: Annotated[
        str | None,
        typer.Argument(
            metavar="INSTRUCTION",
            help="What to find, in plain words; not with REQUESTS.jsonl.",
            show_default=False,
        ),
    ] = None,
    model: options.Model = options.SHIPPED_MODEL,
    out: Out = None,
    also: Also = None,
    bands: Bands = None,
    stretch: StretchText = None,
    gsd: Gsd = None,
    window: WindowSide = None,
    overlap: Overlap = 0.25,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    as_json: options.AsJson = False,
    fail_on_empty: FailOnEmpty = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Find what INSTRUCTION describes in IMAGE.

    OUT receives masks.tif (one band a target, on the grid of IMAGE), targets.gpkg,
    targets.geojson, overlay.png and prediction.json. A folder or glob gives one such folder
    an image; lines {"id", "image", "instruction"} of a REQUESTS.jsonl give
    OUT/predictions.jsonl.

    Example: segearth predict harbour.tif "the ships at the northern pier"
    """
    # Here, not above: these take seconds, and --help or a typo should not pay for them.
    from segearth.geo.listing import several_images
    from segearth.prediction import SceneOptions
    from segearth.prediction.jobs import default_out

    scene_options = SceneOptions(
        bands=_parse_bands(bands),
        stretch=_parse_stretch(stretch),
        window=window,
        overlap=overlap,
        gsd_m=gsd,
    )
    run = Run(model, device, dtype, out or default_out(image), scene_options, overwrite, as_json)
    with _terminate_as_interrupt():
        if image.lower().endswith(".jsonl"):
            found, failures = answer_requests(run, Path(image), [instruction, *(also or [])])
        else:
            instructions = _instructions(instruction, also)
            images = several_images(image)
            if images is None:
                found, failures = answer_one(run, image, instructions), ()
            else:
                found, failures = answer_several(run, images, instructions)
    if failures:
        list_failures(failures)
        raise typer.Exit(DataError.exit_code)
    if fail_on_empty and not found:
        raise typer.Exit(NOTHING_FOUND)


def _instructions(instruction: str | None, also: Sequence[str] | None) -> list[str]:
    """Return what is asked, checked."""
    from segearth.prediction.files import check_instruction

    instructions = [instruction or "", *(also or [])]
    for text in instructions:
        check_instruction(text)
    return instructions


def _parse_bands(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"'{text}' names no bands", where="--bands", hint="give numbers from 1 on: 4,3,2"
        ) from None


def _parse_stretch(text: str | None) -> Stretch | str | None:
    from segearth.geo.stretch import parse_stretch

    return parse_stretch(text)


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let `kill` clean up like Ctrl-C does, so that it leaves nothing half-written either."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
