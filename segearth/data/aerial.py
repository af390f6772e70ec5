"""Make a training folder out of the public aerial images and their annotations.

Takes the UC Merced tiles and the Dubai scenes as they are published, or the part of them
that is there, and writes one folder with everything that training and validation read:

    DST/images/airplane/airplane00.jpg …    hard links where possible, else copies
    DST/images/dubai/tile1/….jpg
    DST/train.jsonl, DST/val.jsonl          questions, as manifests
    DST/targets.jsonl                       every image, with what is drawn in it

`targets.jsonl` is written last: where it is, the folder is complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from segearth.data import dubai, ucmerced
from segearth.data.annotations import read_annotations
from segearth.data.claim import claim_folder
from segearth.data.manifest import Record, write_manifest
from segearth.data.targets import AnnotatedImage, write_targets
from segearth.errors import DataError, UsageError

_SPLITS = ("train", "val")
"""The splits that get a manifest; images of the splits gap and test are only listed."""


class Source(Protocol):
    """A published image that can be taken into a training folder."""

    def take_in(self, out: Path) -> tuple[AnnotatedImage, list[Record]]:
        """Put it below `out`, and return it with its targets and questions."""


def prepare_aerial(
    source: Path,
    out: Path,
    annotations: Sequence[Path] = (),
    *,
    overwrite: bool = False,
    track: Callable[[Sequence[Source]], Iterable[Source]] = iter,
) -> dict[str, dict[str, int]]:
    """Write a training folder.

    Args:
        source: A folder with the UC Merced tiles, the Dubai scenes, or both, in it.
        out: The folder to write; made if it does not exist.
        annotations: More annotation files, see `segearth.data.annotations`.
        overwrite: Replace an earlier training folder.
        track: Wraps the list of images that is gone through, to show progress.

    Returns:
        Per split: how many `images`, of them `annotated`, `targets` and `questions`.

    Raises:
        UsageError: `out` holds an earlier result, or shares a folder with `source`.
        DataError: There are no such images, or an image or annotation cannot be used.
    """
    sources = list_sources(source, annotations)
    _claim(source, out, overwrite=overwrite)
    done = [item.take_in(out.resolve()) for item in track(sources)]
    _refuse_same_ids(question for _, questions in done for question in questions)
    for split in _SPLITS:
        write_manifest(
            out / f"{split}.jsonl",
            (
                question
                for image, questions in done
                if image.split == split
                for question in questions
            ),
        )
    write_targets(out / "targets.jsonl", (image for image, _ in done))
    return _count(done)


def list_sources(source: Path, annotations: Sequence[Path]) -> list[Source]:
    """Find the images and what is annotated in them.

    Annotations that lie beside the UC Merced images (``shapes.jsonl``, ``train.jsonl``) are
    taken too.

    Raises:
        DataError: There are no such images, or an annotation file cannot be used.
    """
    if not source.is_dir():
        problem = "is not a folder" if source.exists() else "does not exist"
        raise DataError(f"{source} {problem}", hint="give the folder with the images")
    images, scenes = ucmerced.find_images(source), dubai.find_tiles(source)
    if images is None and not scenes:
        raise DataError(
            f"{source} holds no images of UC Merced or Dubai",
            hint="it should have Images/airplane/airplane00.tif, or tile1/images and tile1/masks",
        )
    sources: list[Source] = list(dubai.list_scenes(scenes))
    if images is None:
        if annotations:
            raise DataError(
                "there are annotations, but no UC Merced tiles that they could belong to",
                where=str(source),
            )
        return sources
    beside = [images.parent / name for name in ("shapes.jsonl", "train.jsonl")]
    known = read_annotations([*(path for path in beside if path.is_file()), *annotations])
    return [*ucmerced.list_tiles(images, known), *sources]


def _claim(source: Path, out: Path, *, overwrite: bool) -> None:
    """Make the training folder, unless that would harm what is there."""
    here, there = out.resolve(), source.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise UsageError(
            f"{out} and {source} lie in each other: images could overwrite themselves",
            where="-o",
            hint="write to a folder beside the source",
        )
    claim_folder(out, "targets.jsonl", overwrite=overwrite)


def _refuse_same_ids(questions: Iterable[Record]) -> None:
    """Complain of ids that occur twice: results are told apart by them."""
    seen = Counter(question.id for question in questions)
    twice = [name for name, count in seen.items() if count > 1]
    if twice:
        raise DataError(
            f"{len(twice)} question ids occur more than once, such as {', '.join(twice[:3])}",
            hint="name a tile once a file, and give annotation files different names",
        )


def _count(done: Iterable[tuple[AnnotatedImage, list[Record]]]) -> dict[str, dict[str, int]]:
    """Count images, annotated ones, targets and questions per split."""
    counts: dict[str, dict[str, int]] = {}
    for image, questions in done:
        row = counts.setdefault(
            image.split, dict.fromkeys(("images", "annotated", "targets", "questions"), 0)
        )
        row["images"] += 1
        row["annotated"] += image.annotated
        row["targets"] += len(image.targets)
        row["questions"] += len(questions)
    return counts
