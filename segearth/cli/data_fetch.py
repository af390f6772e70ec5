"""`segearth data fetch`: download a benchmark, or say exactly how to get it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from segearth.cli import options, output
from segearth.errors import DataError


def fetch(
    benchmark: Annotated[
        Literal["lasers", "rrsis-d", "refsegrs", "risbench", "earthreason", "samrs"],
        typer.Argument(metavar="NAME", help="Which benchmark, see above."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DST",
            help="Folder to write; NAME if not given.",
            show_default=False,
        ),
    ] = None,
    hub: Annotated[
        str,
        typer.Option(
            "--hub", metavar="URL", envvar="HF_ENDPOINT", help="The Hugging Face hub or a mirror."
        ),
    ] = "https://huggingface.co",
    as_json: options.AsJson = False,
) -> None:
    """Download a benchmark, or tell the steps where that needs your hand.

    NAME is lasers, rrsis-d, refsegrs, risbench, earthreason or samrs. Downloads are checked,
    and go on where they were when the command is run again. What states no licence, has to
    be accepted first or lies in a share for browsers is not downloaded.
    """
    from segearth.published.catalogue import BENCHMARKS
    from segearth.published.fetch import by_hand, look_up, next_steps
    from segearth.published.fetch import fetch as download

    item = BENCHMARKS[benchmark]
    folder = out or Path(benchmark)
    try:
        offer = look_up(item, hub) if item.hub else None
    except DataError:
        output.say("\n".join(["Without this command:", *by_hand(item, folder)]))
        raise
    result: dict[str, object] = {
        "benchmark": benchmark,
        "page": item.page,
        "licence": offer.licence if offer else item.licence,
        "fetched": offer is not None,
    }
    if offer is None:
        steps = by_hand(item, folder)
        output.say(f"{item.title} has to be fetched by hand. Licence: {item.licence}.")
    else:
        output.say(
            f"{item.title}: {len(offer.files)} files, {offer.size / 1e9:.2f} GB, "
            f"licence {offer.licence}, from {item.page}"
        )
        with output.bar("downloading", total=offer.size) as advance:
            counts = download(offer, folder, advance=advance)
        steps = next_steps(item, folder, offer.files)
        result |= {"folder": str(folder), "revision": offer.revision, "bytes": offer.size, **counts}
    if as_json:
        output.print_json({**result, "steps": steps})
    else:
        output.print_text("\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1)))
