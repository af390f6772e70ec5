"""Stage 1: collect masks of many images into one file (paper, Sec. 3 and 7.2).

For an image: masks that its annotation has are taken over; the proposer looks at the whole
image and into the crop of every annotated box; duplicates go; what fits a named box gets its
name. A finished image is written at
once to `masks.partial.jsonl`; at the end `masks.jsonl` appears, and that file goes unless an
image failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segearth.building.masks.boxes import Annotated, Annotation
from segearth.building.masks.file import Box, ImageRow, MaskRow
from segearth.building.masks.grid import View, crop_of
from segearth.building.masks.journal import Journal
from segearth.building.masks.naming import complete_kinds, name_by_boxes
from segearth.building.masks.proposals import Proposal, Proposer, drop_duplicates
from segearth.building.shapes.profile import category_name
from segearth.data.images import bring_image
from segearth.data.rle import encode_mask
from segearth.errors import DataError, SegEarthError
from segearth.geo.raster import open_scene

MAX_PIXELS = 4096 * 4096
"""Masks of a larger image are held as one bool a pixel each; cut it into tiles first."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done to every image."""

    proposer: Proposer | None
    annotation: Annotation | None
    within: frozenset[str]
    """Categories whose boxes the proposer looks into; empty for all. The paper does so "for
    common RS object categories like airplanes and ships"."""
    iou: float
    """From which two masks are the same."""
    exhaustive: bool = False
    """The annotation has every object of its categories."""


@dataclass
class Collected:
    """What a run gave, earlier parts of it included."""

    images: int = 0
    masks: int = 0
    named: int = 0
    """Masks with a category."""
    by_proposer: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    """Images that an interrupted run had finished."""
    failures: list[tuple[str, SegEarthError]] = field(default_factory=list)
    without_boxes: list[str] = field(default_factory=list)
    """Images that nobody annotated, where there is an annotation: a wrong folder shows here."""


def name_images(images: Sequence[Path]) -> dict[str, Path]:
    """Give every image a path below one folder: the one it has below their common folder.

    Args:
        images: Files.

    Returns:
        Path with slashes to file, sorted.
    """
    folders = [image.absolute().parent for image in images]
    common = folders[0]
    while not all(folder.is_relative_to(common) for folder in folders):
        common = common.parent
    names = {image.absolute().relative_to(common).as_posix(): image for image in images}
    return dict(sorted(names.items()))


def collect_masks(
    images: dict[str, Path],
    out: Path,
    plan: Plan,
    journal: Journal,
    *,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Collected:
    """Collect the masks of all images; go on where an interrupted run stopped.

    Args:
        images: See `name_images`.
        out: An existing folder. Images are linked or copied to `images/` in it.
        plan: What to do.
        journal: Open on `out`, with the finished images of an earlier run.
        track: Wraps the names that are gone through, to show progress.

    Returns:
        Counts and failures. An image that fails is left out and the rest goes on.
    """
    collected = Collected(resumed=len(journal.finished))
    for name in track([name for name in images if name not in journal.finished]):
        try:
            row = mask_image(name, images[name], plan)
            place = out / row["image"]
            if place.resolve() != images[name].resolve():
                bring_image(images[name], place)
        except SegEarthError as error:
            collected.failures.append((name, error))
        else:
            journal.add(name, row)
    for row in journal.finish(list(images)):
        collected.images += 1
        collected.masks += len(row["masks"])
        collected.named += sum(mask["category"] is not None for mask in row["masks"])
        collected.by_proposer.update(mask["proposer"] for mask in row["masks"])
    return collected


def mask_image(name: str, path: Path, plan: Plan) -> ImageRow:
    """Collect the masks of one image.

    Args:
        name: See `name_images`.
        path: The file; anything GDAL reads.
        plan: What to do.

    Returns:
        The image's line; its `image` is `images/NAME`.

    Raises:
        DataError: The image or its annotation cannot be used.
    """
    pixels, gsd_m = _read(path)
    height, width = pixels.shape[:2]
    annotated = (plan.annotation.find(name) if plan.annotation else None) or []
    masks = [_taken_over(item, (height, width)) for item in annotated if item.mask is not None]
    if plan.proposer is not None:
        for view in _views(pixels, annotated, plan.within):
            for proposal in plan.proposer.propose(view):
                masks.append(_proposed(proposal, view, (height, width), plan.proposer.name))
    kept = name_by_boxes(drop_duplicates(masks, plan.iou), annotated)
    for number, mask in enumerate(kept):
        mask["id"] = f"{name}#{number}"
    row: ImageRow = {
        "image": f"images/{name}",
        "size": [height, width],
        "gsd_m": gsd_m,
        "masks": kept,
    }
    if plan.exhaustive:
        row["complete"] = complete_kinds(kept, annotated)
    return row


def _read(path: Path) -> tuple[NDArray[np.uint8], float | None]:
    """Read an image as (H, W, 3) RGB, and the ground size of a pixel where it is known."""
    with open_scene(str(path)) as scene:
        if scene.height * scene.width > MAX_PIXELS:
            raise DataError(
                f"{path.name} has {scene.height} x {scene.width} pixels, which is too large",
                where=str(path),
                hint="cut it into tiles, with gdal_retile.py for example",
            )
        return scene.read(0, 0, scene.height, scene.width).image, scene.grid.gsd_m


def _views(
    pixels: NDArray[np.uint8], annotated: Sequence[Annotated], within: frozenset[str]
) -> Iterator[View]:
    """Yield the whole image, then the crop of every box that is to be looked into."""
    yield View(pixels)
    for item in annotated:
        if within and category_name(item.category or "") not in within:
            continue
        x0, y0, x1, y1 = crop = _crop(item.box, pixels.shape[:2])
        yield View(np.ascontiguousarray(pixels[y0:y1, x0:x1]), crop)


def _crop(box: Box, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    crop = crop_of(box, *size)
    if crop is None:
        raise DataError(f"the box {list(box)} lies outside the image, which is {size} (H, W)")
    return crop


def _taken_over(item: Annotated, size: tuple[int, int]) -> MaskRow:
    """Make a row of a mask that somebody else has drawn."""
    assert item.mask is not None
    if tuple(item.mask["size"]) != size:
        raise DataError(
            f"an annotated mask is {item.mask['size']}, the image {list(size)} (height, width)"
        )
    return {
        "id": "",
        "mask": item.mask,
        "proposer": "samrs",
        "score": None,
        "category": item.category,
        "boxes": [list(item.box)],
        "prompt": None,
    }


def _proposed(proposal: Proposal, view: View, size: tuple[int, int], proposer: str) -> MaskRow:
    """Make a row of a proposal, at the size of the image."""
    mask, left, top = proposal.mask, 0, 0
    if view.box is not None:
        left, top, right, bottom = view.box
        mask = np.zeros(size, bool)
        mask[top:bottom, left:right] = proposal.mask
    points = [] if proposal.point is None else [proposal.point]
    return {
        "id": "",
        "mask": encode_mask(mask),
        "proposer": proposer,
        "score": round(proposal.score, 4),
        "category": None,
        "boxes": [],
        "prompt": {
            "grid": "global" if view.box is None else "local",
            "points": [[round(x + left, 2), round(y + top, 2)] for x, y in points],
            "box": None if view.box is None else list(view.box),
        },
    }
