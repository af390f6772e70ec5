"""`segearth data convert`: a benchmark, or a layer of polygons, becomes a folder of manifests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segearth.cli import options, output

if TYPE_CHECKING:
    from segearth.published.examples import Example
    from segearth.published.report import Findings, Report

SHOWN = 3  # examples of a kind of finding; report.json has five, left_out.jsonl all

Name = Literal[
    "lasers", "rrsis-d", "refsegrs", "risbench", "earthreason", "samrs", "coco", "geopackage"
]


def convert(
    benchmark: Annotated[Name, typer.Argument(metavar="NAME", help="What SRC holds, see above.")],
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="Folder as published; a .gpkg for geopackage.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DST", help="Folder to write.")],
    questions: Annotated[
        Literal["first", "all"],
        typer.Option(
            "--questions",
            help="earthreason, rrsis-d: the first text of a sample, as tables are made, or all.",
        ),
    ] = "first",
    subset: Annotated[
        Literal["sota", "sior", "fast"] | None,
        typer.Option("--subset", help="samrs without instance files: whose classes they are."),
    ] = None,
    raster: Annotated[
        list[Path] | None,
        typer.Option(
            "--raster",
            metavar="FILE",
            help="geopackage: the image below the polygons, if not beside them. May be repeated.",
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="COLUMN", help="geopackage: what the polygons are called."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option("--layer", metavar="NAME", help="geopackage: which layer.")
    ] = None,
    keep_duplicates: Annotated[
        bool,
        typer.Option(
            "--keep-duplicates",
            help="Keep records that repeat an earlier one, as published scores count them.",
        ),
    ] = False,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Make manifests of a benchmark or of your own polygons.

    NAME is lasers, rrsis-d, refsegrs, risbench, earthreason, samrs, coco or geopackage. DST
    gets a manifest a split, the images (hard links where possible, else copies), report.json
    and left_out.jsonl. What cannot be a record is left out and listed there, never repaired;
    what is written passes `segearth data check`, but for duplicates you keep.
    """
    from segearth.published.catalogue import BENCHMARKS
    from segearth.published.convert import convert as write_manifests
    from segearth.published.readers import Choices, assumed_facets, find_splits

    choices = Choices(questions, subset, tuple(raster or ()), text, layer)
    report = write_manifests(
        BENCHMARKS[benchmark],
        source,
        find_splits(benchmark, source, choices),
        out,
        assumed=assumed_facets(benchmark),
        keep_duplicates=keep_duplicates,
        overwrite=overwrite,
        track=_progress,
    )
    if as_json:
        output.print_json({"folder": str(out), **report.to_json()})
        return
    _say_findings(report)
    _print_splits(report, out)


def _progress(examples: Iterable[Example], split: str) -> Iterable[Example]:
    return output.progress(examples, split)


def _say_findings(report: Report) -> None:
    """Show on stderr what was left out and what is odd."""
    for title, kinds in (("left out", report.left_out), ("noted", report.noted)):
        if kinds:
            order = sorted(kinds.items(), key=lambda item: -item[1].count)
            rows = [row for kind, found in order for row in _rows(kind, found)]
            output.say_table((title, "count", "for example"), rows)


def _rows(kind: str, found: Findings) -> list[tuple[str, str, str]]:
    """Return a row an example; the first says of what kind they are."""
    shown = [f"{example['id']}: {example['message']}" for example in found.examples[:SHOWN]]
    return [(kind, str(found.count), shown[0]), *(("", "", example) for example in shown[1:])]


def _print_splits(report: Report, out: Path) -> None:
    """Show on stdout what was written."""
    from segearth.published.report import LISTING

    duplicates = sum(counts.duplicates for counts in report.splits.values())
    kept = f"duplicates kept: {duplicates}; " if duplicates else ""
    published = report.benchmark.published
    output.print_table(
        (
            "manifest",
            f"{report.benchmark.unit} found",
            "published",
            "records",
            "images",
            "targets",
            "absent",
            "left out",
        ),
        [
            (
                f"{split}.jsonl",
                counts.found,
                published.get(split),
                counts.records,
                counts.images,
                counts.targets,
                counts.absent,
                counts.left_out,
            )
            for split, counts in report.splits.items()
        ],
        title=str(out),
        caption=f"images: {report.images['linked']} linked, {report.images['copied']} copied; "
        f"{kept}everything that was left out or noted: {out / LISTING}",
    )
