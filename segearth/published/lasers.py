"""LaSeRS: instructions, answers with ``[SEG]`` marks and run-length masks (paper, Sec. 3).

A file of annotations is a list of records with ``image_name``, ``description`` (the
instruction), ``answer`` and ``mask``, one run-length object a ``[SEG]``. Each file below
``test/annotations`` is a subset of the test split, and a column of the paper's Table 2. Each
gets a manifest of its own, and ``test.jsonl`` has every record once: records of two files with
the same image, texts and masks are one record of several subsets. Records of one file are
never taken for one here, whether there are other files or not.

A record does not say which facets it has. Names of subsets do ("test_implicit"); where they
do not, granularity comes from the phrases and the shape of the masks, and reasoning from
whether the instruction names what is to be found (the paper's Prompts 6 and 7 forbid it).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segearth.data.answers import count_seg, find_phrases, mark
from segearth.data.check import LONG_FROM_WORDS
from segearth.data.concepts import PARTS
from segearth.data.rle import encode_mask
from segearth.data.vocabulary import singular
from segearth.errors import DataError
from segearth.published.catalogue import LASERS
from segearth.published.coco_masks import read_segmentation
from segearth.published.examples import Example, Mask, Read, file_below, granularity_of
from segearth.published.files import find_root, read_json
from segearth.published.report import Report

ASSUMED = {
    "granularity": "as the subset's name says, else part if a phrase is one of Table 7's parts, "
    "else instance if every mask is one connected piece, else semantic",
    "reasoning": "as the subset's name says, else explicit if the instruction holds every phrase "
    "of the answer, else implicit",
}
_GRANULARITY = ("semantic", "instance", "part")
_REASONING = ("explicit", "implicit")
_UNMARKED = re.compile(r"(?<!</p>)(?<!</P>)\s*\[SEG\]")


def find_splits(source: Path) -> dict[str, Read]:
    """Find the files of annotations and return a reader for train, test and each test subset.

    Args:
        source: The folder with train, test or both, or one above it.

    Raises:
        DataError: The files are not there.
    """
    root = find_root(source, LASERS, "*/annotations/*.json", "*/images")
    splits: dict[str, Read] = {}
    for split in ("train", "val", "test"):
        files = sorted((root / split / "annotations").glob("*.json"))
        if files:
            splits[split] = _reader(root / split / "images", files)
        if split == "test" and len(files) > 1:
            splits |= {_name(file): _reader(root / "test" / "images", [file]) for file in files}
    return splits


def _name(file: Path) -> str:
    """Name a subset's manifest: "test_multi_cate"."""
    name = re.sub(r"[^\w-]+", "_", file.stem)
    return name if name.startswith("test_") else f"test_{name}"


def _reader(images: Path, files: Sequence[Path]) -> Read:
    def read(report: Report) -> Iterator[Example]:
        if len(files) == 1:
            yield from _examples(images, files[0], report)
            return
        # A record that a file has twice is there twice, as it is without the other files.
        known: dict[tuple[str, int], Example] = {}
        for file in files:
            times: Counter[str] = Counter()
            for example in _examples(images, file, report):
                digest = _digest(example)
                times[digest] += 1
                first = known.setdefault((digest, times[digest]), example)
                if first is not example:
                    message = f"the same as {first.id}"
                    report.note("in several subsets", example.id, message, example.place)
                    report.counts.found -= len(example.masks)
                    known[digest, times[digest]] = _of_both(first, example)
        yield from known.values()

    return read


def _digest(example: Example) -> str:
    """Return what is equal for records of two subsets that are one: image, texts and masks."""
    said = [example.place, example.instruction, example.answer, list(example.masks)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _of_both(first: Example, second: Example) -> Example:
    """Give a record what the name of another of its subsets says about its facets."""
    also = [*_also(first), str(second.extra["subset"])]
    subsets = [str(first.extra["subset"]), *also]
    granularity, reasoning = (
        next(filter(None, (_named(subset, values) for subset in subsets)), None)
        for values in (_GRANULARITY, _REASONING)
    )
    return replace(
        first,
        granularity=granularity or first.granularity,
        reasoning=reasoning or first.reasoning,
        extra={**first.extra, "also_in": also},
    )


def _also(example: Example) -> list[str]:
    """Return the subsets that a record was met in after its first."""
    also = example.extra.get("also_in", [])
    return also if isinstance(also, list) else []


def _examples(images: Path, file: Path, report: Report) -> Iterator[Example]:
    """Make the examples of a file; each has an id of its own."""
    rows = read_json(file)
    if not isinstance(rows, list):
        raise DataError(f"{file.name} is no list of records", where=str(file))
    used: set[str] = set()
    for number, row in enumerate(rows):
        name = f"{file.stem}-{row.get('id', number) if isinstance(row, dict) else number}"
        if name in used:
            report.note("id twice", name, f"the record at {number} (from 0) has it, too")
            name = f"{name}-at-{number}"
        used.add(name)
        masks = row.get("mask") if isinstance(row, dict) else None
        report.counts.found += len(masks) if isinstance(masks, list) else 0
        try:
            yield _example(row, name, images, file.stem, report)
        except DataError as error:
            kind = "no masks" if masks is None else "record unusable"
            report.leave_out(kind, name, error.problem)


def _example(row: Any, name: str, images: Path, subset: str, report: Report) -> Example:
    """Make the example of a record."""
    if not isinstance(row, dict):
        raise DataError("the record is no JSON object")
    instruction, answer = _text(row, "description"), _text(row, "answer")
    image = file_below(images, row.get("image_name"))
    if image is None:
        raise DataError(f"image_name {row.get('image_name')!r} is no file of {images}")
    if not isinstance(row.get("mask"), list):
        raise DataError("there is no list of masks (the contest's test set comes without)")
    masks = [read_segmentation(item, 1, 1) for item in row["mask"]]
    size = row.get("size")
    if size is not None and any(list(mask.shape) != size for mask in masks):
        said = f"its size is stated to be {size!r}, its masks are {list(masks[0].shape)}"
        report.note("stated size", name, said)
    marked = _marked(answer)
    if marked != answer:
        report.note("target without phrase", name, f"marked as 'target': {answer!r}")
    phrases = find_phrases(marked) if count_seg(marked) else []
    _note_contradictions(subset, instruction, len(masks), name, report)
    extra = {"subset": subset, "image_source": row.get("image_source")}
    return Example(
        id=name,
        image=image,
        place=f"{images.parent.name}/{image.relative_to(images).as_posix()}",
        instruction=instruction,
        answer=marked,
        masks=[encode_mask(mask) for mask in masks],
        granularity=_named(subset, _GRANULARITY) or _granularity(phrases, masks),
        reasoning=_named(subset, _REASONING) or _reasoning(phrases, instruction),
        extra={key: value for key, value in extra.items() if isinstance(value, str)},
    )


def _note_contradictions(
    subset: str, instruction: str, targets: int, name: str, report: Report
) -> None:
    """Note where a subset's name says another length or number of targets than is counted.

    The facets of a record are the counted ones, by which `segearth data check` holds them.
    """
    words = len(instruction.split())
    length = "long" if words >= LONG_FROM_WORDS else "short"
    counted = {"length": length, "number": "single" if targets == 1 else "multi"}
    named = {
        "length": _named(subset, ("short", "long")),
        "number": _named(subset, ("single", "multi", "multiple")),
    }
    for facet, value in named.items():
        if value is not None and not value.startswith(counted[facet]):
            report.note(
                "subset's name",
                name,
                f"{subset} says {value}; it has {words} words and {targets} targets",
            )


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f'"{key}" is no text')
    return value.strip()


def _marked(answer: str) -> str:
    """Give a ``[SEG]`` without a phrase before it the phrase "target", as scoring calls it."""
    bare = answer.replace("<p>[SEG]</p>", "[SEG]")  # the paper's Figure 11 has such ones
    return _UNMARKED.sub(f" {mark('target')}", bare).strip() if _UNMARKED.search(bare) else bare


def _named(subset: str, values: Sequence[str]) -> str | None:
    """Return the facet value that a subset is named after."""
    words = re.split(r"[^a-z]+", subset.lower())
    return next((value for value in values if value in words), None)


def _granularity(phrases: Sequence[str], masks: Sequence[Mask]) -> str:
    if any(singular(phrase.lower()) in PARTS for phrase in phrases):
        return "part"
    guesses = {granularity_of(mask) for mask in masks}
    return "semantic" if "semantic" in guesses else "instance"


def _reasoning(phrases: Sequence[str], instruction: str) -> str:
    """Call it explicit if every phrase, or its singular, is in the instruction."""
    text = instruction.lower()
    named = all(phrase.lower() in text or singular(phrase.lower()) in text for phrase in phrases)
    return "explicit" if named else "implicit"
