"""`segearth data stats`: what a manifest holds, as a table and as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segearth.cli import options, output

if TYPE_CHECKING:
    from segearth.data.statistics import Statistics

TOP = 20  # categories and words in the tables; --json has them all

# Table 1's columns, in its order and words.
_COLUMNS = {
    "masks": "masks",
    "classes": "classes",
    "annotation_type": "annotation type",
    "granularity_segmentation": "granularity: segmentation",
    "granularity_concept": "granularity: concept",
    "target_single": "single",
    "target_multiple": "multiple",
    "reasoning_explicit": "explicit",
    "reasoning_implicit": "implicit",
    "length_long": "long",
    "length_short": "short",
}


def stats(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="The .jsonl file.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="OUT", help="Folder for pictures and stats.json."),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Count what a manifest holds: the columns of the paper's Table 1, the panels of Figure 3.

    OUT gets categories.png, words.png, instruction_lengths.png, mask_sizes.png and stats.json.
    """
    from segearth.data.claim import claim_folder
    from segearth.data.manifest import read_manifest
    from segearth.data.statistics import count_records

    records = read_manifest(manifest)
    counted = count_records(records, track=lambda rows: output.progress(rows, "counting"))
    result: dict[str, object] = {"manifest": str(manifest), **counted.to_json()}
    if out is not None:
        claim_folder(out, "stats.json", overwrite=overwrite)
        pictures = _draw(counted, out)
        result["outputs"] = {name: str(path) for name, path in pictures.items()}
        _write_json(out / "stats.json", result)
    if as_json:
        output.print_json(result)
        return
    _print(counted, manifest)
    if out is not None:
        output.print_text(f"pictures and all counts: {out}")


def _draw(counted: Statistics, out: Path) -> dict[str, Path]:
    """Write the four pictures."""
    from segearth.data.charts import draw_bars
    from segearth.data.images import write_png
    from segearth.data.statistics import figure_3
    from segearth.data.word_cloud import draw_cloud

    titles = {
        "categories": "Targets by category",
        "instruction_lengths": "Records by words in the instruction",
        "mask_sizes": "Masks by share of the image",
    }
    pictures = {name: draw_bars(bars, titles[name]) for name, bars in figure_3(counted).items()}
    pictures["words"] = draw_cloud(dict(counted.words.most_common()))
    paths = {name: out / f"{name}.png" for name in pictures}
    for name, picture in pictures.items():
        write_png(paths[name], picture)
    return paths


def _write_json(path: Path, result: dict[str, object]) -> None:
    import json

    from segearth.files import write_text

    write_text(path, json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _print(counted: Statistics, manifest: Path) -> None:
    """Show the tables on stdout."""
    output.print_text(
        f"{manifest}: {counted.records} records, {counted.images} images; "
        f"{counted.absent} records ask for what is not there"
    )
    columns = counted.table_1()
    output.print_table(
        ("column of Table 1", "value"),
        [(title, _cell(columns[key])) for key, title in _COLUMNS.items()],
    )
    for title, rows in (
        ("records", [(f"{name}: {value}", count)
                     for name, values in counted.facets.items()
                     for value, count in values.most_common()]),
        ("targets by category", counted.categories.most_common(TOP)),
        ("words of instructions", counted.words.most_common(TOP)),
        ("instruction length, words", list(counted.length_bars().items())),
        ("mask size, share of image", list(counted.size_bars().items())),
    ):  # fmt: skip
        output.print_table((title, "count"), rows)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) or "-" if isinstance(value, list) else str(value)
