"""Write questions offline, from the masks alone: the provider "templates".

`segearth.data.questions.ask` asks only what has exactly one right answer, and only about
kinds that are known to be complete. So masks without a name, or of a kind of which there may be
more, give no question here; a model has to look at them. At most one question an image asks
for what is not there, and only where something else is: else a set of images of which few are
annotated would teach mostly to refuse.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence

import numpy as np

from segearth.building.questions.records import Failure, Origin, new_record
from segearth.building.questions.subjects import Subject
from segearth.data.known import know
from segearth.data.manifest import Record
from segearth.data.questions import Question, ask
from segearth.data.rle import encode_mask
from segearth.data.targets import AnnotatedImage, Target
from segearth.errors import DataError
from segearth.geo.raster import open_scene

NOTHING_TO_ASK = "nothing to ask"
_PRESENT = 5  # questions with a target for one after something absent
_SPARE = 1.3  # asked for, for one that is wanted, to make up for absent ones left out


def write_with_templates(
    subjects: Iterable[Subject], per_image: int, seed: int, origin: Origin
) -> tuple[list[Record], list[Failure]]:
    """Write up to `per_image` questions about each image: the same for the same seed.

    Args:
        subjects: Images whose masks have the images' own sizes.
        per_image: How many are wanted.
        seed: Of all choices; an image's questions do not depend on the other images.
        origin: Fills what the images do not say.

    Returns:
        The records, and the images that gave none.
    """
    records: list[Record] = []
    failures: list[Failure] = []
    for subject in subjects:
        try:
            made = _write(subject, per_image, seed, origin)
        except DataError as error:
            failures.append(_failure(subject, "image", error.problem))
            continue
        records += made
        if not made:
            failures.append(_failure(subject, NOTHING_TO_ASK, _why_none(subject)))
    return records, failures


def _write(subject: Subject, per_image: int, seed: int, origin: Origin) -> list[Record]:
    with open_scene(str(subject.image)) as scene:
        pixels = scene.read(0, 0, scene.height, scene.width).image
        north_up = scene.grid.is_north_up
    known = know(_annotated(subject), pixels)
    rng = np.random.default_rng((seed, zlib.crc32(subject.name.encode())))
    if not known.objects:
        return []
    wanted = math.ceil(_SPARE * per_image)
    asked = ask(known.objects, rng, wanted, absent=known.absent, north_up=north_up)
    questions = _fewer_refusals(asked, per_image)
    if not any(question.masks for question in questions):
        return []
    return [
        new_record(
            subject,
            f"{subject.name}#{number}",
            question.instruction,
            question.answer,
            [encode_mask(mask) for mask in question.masks],
            question.facets,
            origin,
        )
        for number, question in enumerate(questions)
    ]


def _fewer_refusals(asked: Sequence[Question], wanted: int) -> list[Question]:
    """Keep up to `wanted` questions; after absent things one for `_PRESENT` others, or one."""
    present = sum(bool(question.masks) for question in asked)
    most = max(1, min(wanted, present) // _PRESENT)
    kept: list[Question] = []
    refused = 0
    for question in asked:
        refused += not question.masks
        if question.masks or refused <= most:
            kept.append(question)
    return kept[:wanted]


def _annotated(subject: Subject) -> AnnotatedImage:
    return AnnotatedImage(
        image=subject.image,
        scene=subject.scene,
        split=subject.split or "",
        annotated=True,
        targets=tuple(
            Target(phrase=region.category, granularity=region.granularity, mask=region.mask)
            for region in subject.regions
            if region.category
        ),
        gsd_m=subject.gsd_m,
        complete=subject.complete,
        absent=subject.absent,
    )


def _why_none(subject: Subject) -> str:
    if not subject.regions:
        return "the image has no masks"
    if not any(region.category for region in subject.regions):
        return "no mask has a name; templates cannot look, a model can"
    return (
        'of no kind it is known that every instance has a mask (the line\'s "complete", or a '
        "mask of everything), so no question would have exactly one right answer"
    )


def _failure(subject: Subject, kind: str, reason: str) -> Failure:
    return Failure(id=subject.name, image=subject.name, kind=kind, reason=reason)
