"""Write the accepted records as a dataset of its own: a manifest beside its images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import rasterio

from segearth.building.review.outcome import Outcome, with_review
from segearth.data.check import check_manifest
from segearth.data.claim import check_folder
from segearth.data.images import link_or_copy
from segearth.data.manifest import Record, write_manifest
from segearth.errors import DataError, UsageError
from segearth.files import atomic_path
from segearth.geo.beside import files_beside
from segearth.geo.gdal import GDAL_ERRORS, gdal_session

NAME = "manifest.jsonl"


def write_accepted(
    results: Sequence[Outcome],
    manifest: Path,
    out: Path,
    *,
    overwrite: bool,
    track: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> int:
    """Write the accepted records, corrected, and link their images beside them.

    The new manifest is checked before it gets its name, so one that is there passes
    ``segearth data check``. Each record says under "review" who accepted it and what was
    changed.

    Args:
        results: One a record of the manifest.
        manifest: Where the records come from; images keep their path relative to it.
        out: Folder for `NAME` and the images.
        overwrite: Whether an earlier result may be replaced.
        track: Wraps the list of images that is gone through, to show progress.

    Returns:
        How many records were written.

    Raises:
        UsageError: The folder holds an earlier result, or is the manifest's own.
        DataError: Nothing is accepted, an accepted record is faulty, or writing fails.
    """
    source = manifest.parent.resolve()
    if out.resolve() == source:
        raise UsageError(
            f"{out} is the folder of {manifest.name}",
            where="--out",
            hint="choose another folder, so that what was reviewed stays as it is",
        )
    check_folder(out, NAME, overwrite=overwrite)
    accepted = [one for one in results if one.state == "accepted"]
    if not accepted:
        raise DataError("no record is accepted yet", where=str(out), hint="review some first")
    images = dict.fromkeys(one.record.image for one in accepted)
    place = out.resolve()
    linked: set[Path] = set()
    for image in track(list(images)):
        for file in _files_of(image, source):
            linked.add(place / file.relative_to(source))
            link_or_copy(file, place / file.relative_to(source))
    for image in images:  # what lay beside an earlier version of the image, and is gone now
        for file in files_beside(place / _below(image, source)):
            if file not in linked:
                file.unlink()
    records = [_moved(one, source, place) for one in accepted]
    with atomic_path(place / NAME) as temporary:
        write_manifest(temporary, records)
        mistakes = check_manifest(temporary).mistakes
        if mistakes:
            first = mistakes[0]
            raise DataError(
                f"{len(mistakes)} mistakes in accepted records; the first: {first.message}",
                where=f"{manifest}, record {first.id!r}",
                hint=f"nothing was written; see all with: segearth data check {manifest}",
            )
    return len(records)


def _moved(one: Outcome, source: Path, place: Path) -> Record:
    """Return the corrected record with the image where it will be, and its review."""
    record = with_review(one)
    return replace(record, image=place / _below(record.image, source))


def _files_of(image: Path, source: Path) -> list[Path]:
    """Return an image with what GDAL reads along with it (world file, mask, overviews)."""
    try:
        with gdal_session(str(image)), rasterio.open(image) as dataset:
            beside = [Path(name) for name in dataset.files]
    except GDAL_ERRORS as error:
        raise DataError(f"{image.name} cannot be read", where=str(image)) from error
    inside = [path for path in beside if path.resolve().is_relative_to(source)]
    return list(dict.fromkeys([source / _below(path, source) for path in [image, *inside]]))


def _below(path: Path, source: Path) -> Path:
    """Return a path relative to the manifest's folder, as it is written there if possible."""
    if path.is_relative_to(source):
        return path.relative_to(source)
    return path.resolve().relative_to(source)
