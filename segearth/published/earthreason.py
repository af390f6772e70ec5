"""EarthReason: an image, a label and about six questions a sample (SegEarth-R1).

The three files of a sample share their name: ``images/<name>.jpg``, ``labels/<name>.png``
(not 0 = target), ``QAs/<name>.json`` with the lists ``questions`` and ``answer``. Published
scores use the first question of a sample. Where a label is empty, nothing of the kind is
there; then the list of answers is empty or says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from segearth.data.answers import mark
from segearth.data.rle import encode_mask
from segearth.errors import DataError
from segearth.published.catalogue import EARTHREASON
from segearth.published.examples import (
    BY_TEMPLATE,
    Example,
    Mask,
    Read,
    granularity_of,
)
from segearth.published.files import IMAGES, by_stem, find_root, read_json, read_mask
from segearth.published.report import Report

ABSENT = "There is no target object in the image."
"""What SegEarth-R1's loader answers where the list of answers is empty."""

ASSUMED = {
    "granularity": "instance if the label is one connected piece (or empty), else semantic",
    "reasoning": "implicit: the benchmark asks for reasoning throughout (Table 1 of the paper)",
}
SPLITS = ("train", "val", "test")
Questions = Literal["first", "all"]


def find_splits(source: Path, questions: Questions = "first") -> dict[str, Read]:
    """Find the splits and return a reader for each.

    Args:
        source: The folder with train, val and test, or one above it.
        questions: Whether the first question of a sample counts, or all of them.

    Raises:
        DataError: The files are not there.
    """
    root = find_root(source, EARTHREASON, "*/QAs", "*/images")
    return {
        split: _reader(root / split, questions)
        for split in SPLITS
        if (root / split / "QAs").is_dir()
    }


def _reader(folder: Path, questions: Questions) -> Read:
    def read(report: Report) -> Iterator[Example]:
        images = by_stem(folder / "images", IMAGES, report)
        labels, asked = by_stem(folder / "labels", [".png"]), by_stem(folder / "QAs", [".json"])
        for name in sorted(images.keys() | labels.keys() | asked.keys()):
            report.counts.found += name in images
            missing = [
                kind
                for kind, files in (("image", images), ("label", labels), ("QA", asked))
                if name not in files
            ]
            if missing:
                report.leave_out(
                    "file missing", name, f"{name} has no {' and no '.join(missing)} file"
                )
                continue
            try:
                yield from _examples(images[name], labels[name], asked[name], questions, report)
            except DataError as error:
                report.leave_out("sample unusable", name, error.problem)

    return read


def _examples(
    image: Path, label: Path, asked: Path, questions: Questions, report: Report
) -> Iterator[Example]:
    """Make the examples of a sample."""
    texts = read_json(asked)
    if not isinstance(texts, dict):
        raise DataError(f"{asked.name} is no JSON object")
    wanted, answers = _texts(texts, "questions"), _texts(texts, "answer")
    if not wanted:
        raise DataError(f"{asked.name} has no questions")
    _note_gaps(texts, wanted, answers, questions, image.stem, report)
    mask = read_mask(label, report, image.stem)
    for number, question in enumerate(wanted[: 1 if questions == "first" else None]):
        # There may be fewer answers than questions; SegEarth-R1 always takes the first.
        published = answers[number % len(answers)] if answers else None
        name = f"{image.stem}-{number}"
        answer = _answer(mask, published)
        if answer is None:
            kind, holds = (
                ("denied label", "holds a target, but the answer says there is none")
                if mask.any()
                else ("empty label", "has no pixel, but the answer does not say so")
            )
            report.leave_out(kind, name, f"{label.name} {holds}: {published!r}")
            continue
        if published is None:
            report.note("answer missing", name, f"{asked.name} has no answer")
        yield Example(
            id=name,
            image=image,
            place=f"{image.parent.parent.name}/{image.name}",
            instruction=question,
            answer=answer,
            masks=[encode_mask(mask)] if mask.any() else [],
            granularity=granularity_of(mask),
            reasoning="implicit",
            extra={} if published else BY_TEMPLATE,
        )


def _texts(texts: Mapping[str, Any], key: str) -> list[str]:
    """Return the sentences of a list, or of a single text."""
    value = texts.get(key)
    values = value if isinstance(value, list) else [value]
    return [" ".join(text.split()) for text in values if isinstance(text, str) and text.strip()]


def _note_gaps(
    texts: Mapping[str, Any],
    wanted: list[str],
    answers: list[str],
    questions: Questions,
    name: str,
    report: Report,
) -> None:
    """Note questions without text, and answers that stand for several questions."""
    listed = texts.get("questions")
    if isinstance(listed, list) and len(listed) > len(wanted):
        gone = len(listed) - len(wanted)
        report.note("question without text", name, f"{gone} of {len(listed)} are passed over")
    if questions == "all" and 0 < len(answers) < len(wanted):
        said = f"{len(answers)} answers for {len(wanted)} questions, taken in turn"
        report.note("too few answers", name, said)


def _answer(mask: Mask, published: str | None) -> str | None:
    """Write the answer, or return None where label and answer contradict each other.

    The published answers have no mark for the target, which is therefore put before them.
    """
    denied = published is not None and "no target" in published.lower()
    if not mask.any():
        return (published or ABSENT) if denied or published is None else None
    if denied:
        return None
    return f"It is the {mark('target')}. {published or ''}".strip()
