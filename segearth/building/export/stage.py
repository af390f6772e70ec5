"""Stage 5: reviewed questions in, a dataset with splits, boxes and a card out.

    OUT/train.jsonl, val.jsonl, test.jsonl    manifests; a split without records has none
    OUT/images/…                              hard links where possible
    OUT/README.md                             the dataset card
    OUT/parquet/…                             on demand
    OUT/left_out.jsonl                        what is not in it, and why
    OUT/export.json                           the figures

`export.json` is written last: where it is, the dataset is complete.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from posixpath import normpath

from segearth.building.export.card import write_card
from segearth.building.export.decisions import hear_reviewers
from segearth.building.export.options import ExportOptions, ExportSummary, LeftOut
from segearth.building.export.parquet import require_parquet, write_parquet
from segearth.building.export.records import published
from segearth.building.export.scenes import find_scenes
from segearth.building.export.splits import SPLITS, carried_splits, new_splits
from segearth.building.questions.records import image_place, refuse_shared_places
from segearth.data.claim import check_folder, claim_folder
from segearth.data.images import bring_image, remove_image
from segearth.data.json_lines import read_lines
from segearth.data.manifest import Record, read_manifest, write_manifest
from segearth.errors import DataError, GeoreferenceError, UsageError
from segearth.files import atomic_path, locked_folder, sha256_of, write_text
from segearth.geo.raster import open_scene

STATE = "export.json"
FILES = (
    *(f"{split}.jsonl" for split in SPLITS),
    *("README.md", "parquet/*.parquet", "left_out.jsonl", STATE),
)
"""Patterns of what an export writes, but for the images."""
_OTHER_SPLIT = "its split is not train, val or test"


def run(
    manifest: Path,
    out: Path,
    options: ExportOptions,
    *,
    decisions: Path | None = None,
    overwrite: bool = False,
) -> ExportSummary:
    """Write a dataset.

    Args:
        manifest: Questions, as `segearth data questions` writes them, or any manifest.
        out: The folder to write; made if it does not exist.
        options: Splits, licence and formats.
        decisions: The reviewers' decisions.jsonl, or its folder, if there was a review:
            rejected questions are left out and corrections are used.
        overwrite: Replace an earlier export.

    Returns:
        The figures; `left_out.jsonl` has the records that are not in the dataset.

    Raises:
        UsageError: `out` holds an earlier export or is the manifest's folder, or a package
            is missing.
        DataError: An input cannot be used, nothing is left, carried splits share a scene, or
            `out` cannot be written.
    """
    records = read_manifest(manifest)
    root = manifest.parent.resolve()
    if out.resolve() == root:
        raise UsageError(
            f"{out} is the folder that {manifest.name} lies in",
            where="-o",
            hint="write to a folder of its own",
        )
    if options.parquet:
        require_parquet()
    check_folder(out, STATE, overwrite=overwrite)
    chosen, left_out, stale = records, list[LeftOut](), 0
    if decisions is not None:
        chosen, left_out, stale = hear_reviewers(records, decisions, options.undecided)
    names = {record.id: normpath(record.image.relative_to(root).as_posix()) for record in chosen}
    refuse_shared_places(names.values())
    hashes, broken = _hashes(chosen)
    left_out += broken
    chosen = [record for record in chosen if record.image in hashes]
    _refuse_nothing(chosen, left_out, manifest)
    scene_of_image = find_scenes(
        {names[record.id]: record.image for record in chosen}, options.scene_pattern
    )
    scene_of = {record.id: scene_of_image[names[record.id]] for record in chosen}
    splits, how_split = _split(chosen, scene_of, options)
    done: dict[str, list[Record]] = {name: [] for name in SPLITS}
    taken: dict[Path, Path] = {}
    for record, split in zip(chosen, splits, strict=True):
        if split is None:
            left_out.append(LeftOut(id=record.id, reason=_OTHER_SPLIT, fault=False))
            continue
        place = image_place(names[record.id])
        try:
            row = published(record, place, split, hashes[record.image], options.licence)
        except DataError as error:
            left_out.append(LeftOut(id=record.id, reason=error.problem, fault=True))
            continue
        done[split].append(row)
        taken[place] = record.image
    filled = {name: own for name, own in done.items() if own}
    _refuse_nothing([row for own in filled.values() for row in own], left_out, manifest)
    scenes = {name: len({scene_of[row.id] for row in own}) for name, own in filled.items()}
    summary = ExportSummary(
        splits={name: _figures(own, scenes[name]) for name, own in filled.items()},
        left_out=tuple(left_out),
        how_split=how_split,
        stale=stale,
    )
    with locked_folder(out):
        earlier = _earlier_images(out)
        claim_folder(out, STATE, overwrite=overwrite)
        _forget(out, earlier - set(taken))  # before: images that stay get back what they shared
        _write(out, filled, taken, scenes, summary, options)
        write_text(out / STATE, json.dumps(_state(summary), ensure_ascii=False, indent=2) + "\n")
    return summary


def _hashes(records: Sequence[Record]) -> tuple[dict[Path, str], list[LeftOut]]:
    hashes: dict[Path, str] = {}
    broken: dict[Path, str] = {}
    for image in dict.fromkeys(record.image for record in records):
        try:
            with open_scene(str(image)):
                hashes[image] = sha256_of(image)
        except (DataError, GeoreferenceError) as error:
            broken[image] = error.problem
    return hashes, [
        LeftOut(id=record.id, reason=broken[record.image], fault=True)
        for record in records
        if record.image in broken
    ]


def _refuse_nothing(records: Sequence[Record], left_out: Sequence[LeftOut], manifest: Path) -> None:
    if not records:
        reasons = Counter(item.reason for item in left_out).most_common(3)
        why = "; ".join(f"{count} times: {reason}" for reason, count in reasons)
        raise DataError(
            f"nothing is left to export ({why or 'the manifest is empty'})", where=str(manifest)
        )


def _split(
    records: Sequence[Record], scene_of: Mapping[str, int], options: ExportOptions
) -> tuple[Sequence[str | None], str]:
    carried = options.split == "carried" or (
        options.split == "auto" and all(record.split for record in records)
    )
    if carried:
        return carried_splits(records, scene_of), (
            "The splits are those that the images came with; no scene is in two of them."
        )
    shares = {"val": options.val, "test": options.test}
    splits = new_splits(records, scene_of, shares, options.seed)
    empty = [name for name, share in shares.items() if share > 0 and name not in splits]
    return splits, (
        "The splits were made by scene: tiles of one image, images that overlap or touch on the "
        f"ground, and equal files are together. Wanted were {options.val:.0%} for validation and "
        f"{options.test:.0%} for testing (seed {options.seed})."
        + (f" No scene was small enough for {' and '.join(empty)}." if empty else "")
    )


def _figures(records: Sequence[Record], scenes: int) -> dict[str, int]:
    return {
        "scenes": scenes,
        "images": len({record.image for record in records}),
        "questions": len(records),
        "masks": sum(len(record.masks) for record in records),
    }


def _earlier_images(out: Path) -> set[Path]:
    """List the images of an earlier export, which this one may not need any more."""
    images = set()
    for split in SPLITS:
        if (out / f"{split}.jsonl").is_file():
            for _, row in read_lines(out / f"{split}.jsonl"):
                if isinstance(row, dict) and isinstance(row.get("image"), str):
                    images.add(Path(row["image"]))
    return images


def _forget(out: Path, images: set[Path]) -> None:
    root = (out / "images").resolve()
    for image in images:
        place = (out / image).resolve()
        if place.is_relative_to(root):  # a manifest that somebody edited deletes nothing else
            remove_image(place)


def _write(
    out: Path,
    splits: Mapping[str, Sequence[Record]],
    images: Mapping[Path, Path],
    scenes: Mapping[str, int],
    summary: ExportSummary,
    options: ExportOptions,
) -> None:
    for place, image in images.items():
        bring_image(image, out / place)
    for stale in (out / "parquet").glob("*.parquet"):
        stale.unlink()
    for split in SPLITS:
        if split in splits:
            write_manifest(out / f"{split}.jsonl", splits[split])
        else:
            (out / f"{split}.jsonl").unlink(missing_ok=True)
    if options.parquet:
        (out / "parquet").mkdir(exist_ok=True)
        for split, records in splits.items():
            write_parquet(out / "parquet", out, split, records)
    path = out / "left_out.jsonl"
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        for item in summary.left_out:
            file.write(json.dumps(asdict(item), ensure_ascii=False) + "\n")
    reasons = Counter(item.reason for item in summary.left_out)
    card = write_card(
        options.title, splits, scenes, summary.how_split, reasons, parquet=options.parquet
    )
    write_text(out / "README.md", card)


def _state(summary: ExportSummary) -> dict[str, object]:
    return {
        "splits": summary.splits,
        "left_out": len(summary.left_out),
        "how_split": summary.how_split,
        "stale_decisions": summary.stale,
    }
