"""Which questions to ask of an image: the masks each is about, and its style.

A task is one question-answer pair to be written: about one group of masks (paper, Fig. 6) or
about two or three groups at once (Fig. 7). A group is everything of a category, or one
instance of it. Styles vary reasoning and length (paper, Sec. 3.1, stage 3).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from segearth.building.questions.subjects import Region, Subject
from segearth.data.rle import Rle, decode_mask
from segearth.data.vocabulary import kind_of

MOST_TOGETHER = 3  # groups in one question: as many colours as the paper's Figure 7 has
_LEAST_PX = 16  # a smaller piece of a mask is a crumb of drawing
_MOST_SINGLED_OUT = 6  # among more instances, "the lower left one" is seldom clear


class Style(NamedTuple):
    """How a question is worded."""

    reasoning: str
    """explicit or implicit."""
    length: str
    """short (up to 12 words) or long (15 to 40)."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The masks that one ``[SEG]`` stands for."""

    category: str
    masks: tuple[Rle, ...]
    granularity: str
    several: bool
    """Whether the answer has to name them in the plural."""
    among: int = 1
    """How many of the category are in the image: with more, the question has to single out."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One pair to be written."""

    id: str
    subject: Subject
    groups: tuple[Group, ...]
    style: Style


def plan_tasks(subject: Subject, count: int, styles: Sequence[Style], seed: int) -> list[Task]:
    """Choose up to `count` questions about an image: the same for the same seed.

    Args:
        subject: Regions without a category are left alone.
        count: How many are wanted; about a third of them about several groups.
        styles: Gone through in turn.
        seed: Of all choices.

    Returns:
        Different tasks; fewer than `count` if the image does not hold as many.
    """
    rng = np.random.default_rng((seed, zlib.crc32(subject.name.encode())))
    wholes, ones = _groups(subject.regions)
    singles = [(group,) for group in (*wholes, *ones)]
    # A part inside its whole is fine in one question; two groups of one category are not.
    several = [
        combination
        for size in range(2, MOST_TOGETHER + 1)
        for combination in itertools.combinations(wholes, size)
    ]
    queues = [list(rng.permutation(len(pool))) for pool in (singles, several)]
    chosen: list[tuple[Group, ...]] = []
    while len(chosen) < count and any(queues):
        wants_several = bool(queues[1]) and (len(chosen) % 3 == 2 or not queues[0])
        queue, pool = (queues[1], several) if wants_several else (queues[0], singles)
        chosen.append(tuple(pool[queue.pop()]))
    offset = int(rng.integers(len(styles)))
    return [
        _task(subject, groups, styles[(offset + index) % len(styles)])
        for index, groups in enumerate(chosen)
    ]


def _task(subject: Subject, groups: tuple[Group, ...], style: Style) -> Task:
    content = [subject.name, style, [[group.category, group.masks] for group in groups]]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:10]
    return Task(id=f"{subject.name}#{digest}", subject=subject, groups=groups, style=style)


def _groups(regions: Sequence[Region]) -> tuple[list[Group], list[Group]]:
    """Return everything of each category, and single instances."""
    wholes: list[Group] = []
    ones: list[Group] = []
    named = sorted({region.category for region in regions if region.category})
    for category in named:
        own = [region for region in regions if region.category == category]
        drawn_whole = [region for region in own if region.granularity == "semantic"]
        single = [region for region in own if region.granularity != "semantic"]
        basis = drawn_whole or single
        wholes.append(
            Group(
                category=category,
                masks=tuple(region.mask for region in basis),
                granularity="semantic" if len(basis) > 1 else basis[0].granularity,
                several=len(single) > 1 or _pieces(category, basis) > 1,
            )
        )
        if 2 <= len(single) <= _MOST_SINGLED_OUT:
            ones += [
                Group(
                    category=category,
                    masks=(region.mask,),
                    granularity=region.granularity,
                    several=False,
                    among=len(single),
                )
                for region in single
            ]
    return wholes, ones


def _pieces(category: str, regions: Sequence[Region]) -> int:
    """Count the separate areas of a countable kind; water or grass is one thing in any case."""
    if kind_of(category) == "stuff":
        return 1
    union = np.logical_or.reduce([decode_mask(region.mask) for region in regions])
    count, _, stats, _ = cv2.connectedComponentsWithStats(union.astype(np.uint8))
    return sum(int(stats[n, cv2.CC_STAT_AREA]) >= _LEAST_PX for n in range(1, count))
