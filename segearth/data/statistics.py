"""What a manifest holds, in the columns of the paper's Table 1 and the panels of its Figure 3."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from segearth.data.answers import find_phrases
from segearth.data.concepts import FINE_GRAINED
from segearth.data.manifest import FACETS, Record
from segearth.data.rle import mask_area_px
from segearth.data.vocabulary import head_noun, singular

LENGTH_STEP = 5
"""Width of a bar of instruction lengths, in words."""

SIZE_EDGES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Edges of the bars of mask sizes, as shares of the image: each about three times the last."""

UNNAMED = "target"
"""What a target is called whose benchmark gives it no name."""

_BOXES = ("boxes_px", "boxes")  # of an export, and of manifests from elsewhere

# Words that say nothing about what is asked for.
_STOP_WORDS = """
a all also am an and any are as at be been by can could do does each every find for from get give
has have highlight if image in into is it its like located look map mark me most need not of off
on one or out pick picture please scene see segment select show shown shows so that the their them
there these they this those to used view was well what where which who with would you your
"""


@dataclass
class Statistics:
    """Counts over a manifest."""

    records: int = 0
    images: int = 0
    masks: int = 0
    absent: int = 0
    """Records that ask for what is not there."""
    categories: Counter[str] = field(default_factory=Counter)
    """Category to targets: a record's "category", else its phrases in the singular, of published
    expressions the noun. Targets that nobody named ("target") have none."""
    words: Counter[str] = field(default_factory=Counter)
    """Word of the instructions to how often it occurs, without those that say nothing."""
    lengths: Counter[int] = field(default_factory=Counter)
    """Words of an instruction to records."""
    sizes: list[float] = field(default_factory=list)
    """Share of the image that each mask covers, 0 to 1."""
    facets: dict[str, Counter[str]] = field(default_factory=dict)
    splits: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    written_answers: int = 0
    """Records whose answer was not made by a template of ours."""
    boxes: int = 0
    """Records that come with at least one box."""

    def table_1(self) -> dict[str, object]:
        """Return the columns of Table 1.

        Classes are None where no target is named. "Segmentation" stands for parts beside whole
        things, "Concept" for at least one of the fine-grained concepts that Table 7 names. TI
        and TA are textual instruction and answer, Seg masks and BBox boxes.
        """
        has = {
            (name, value): self.facets.get(name, Counter())[value] > 0
            for name, values in FACETS.items()
            for value in values
        }
        whole = has["granularity", "semantic"] or has["granularity", "instance"]
        kinds = {
            "TI": self.records > 0,
            "TA": self.written_answers > 0,
            "Seg": self.masks > 0,
            "BBox": self.boxes > 0,
        }
        return {
            "masks": self.masks,
            "classes": len(self.categories) or (None if self.masks else 0),
            "annotation_type": [kind for kind, there in kinds.items() if there],
            "granularity_segmentation": has["granularity", "part"] and whole,
            "granularity_concept": any(name.lower() in FINE_GRAINED for name in self.categories),
            "target_single": has["multiplicity", "single"],
            "target_multiple": has["multiplicity", "multiple"],
            "reasoning_explicit": has["reasoning", "explicit"],
            "reasoning_implicit": has["reasoning", "implicit"],
            "length_long": has["length", "long"],
            "length_short": has["length", "short"],
        }

    def length_bars(self) -> dict[str, int]:
        """Return records by instruction length, in bars of `LENGTH_STEP` words from 1."""
        longest = max(self.lengths, default=0)
        return {
            f"{start}-{start + LENGTH_STEP - 1}": sum(
                self.lengths[words] for words in range(start, start + LENGTH_STEP)
            )
            for start in range(1, longest + 1, LENGTH_STEP)
        }

    def size_bars(self) -> dict[str, int]:
        """Return masks by the share of the image they cover; a share on an edge goes up."""
        counts = [0] * (len(SIZE_EDGES) - 1)
        for share in self.sizes:
            above = sum(share >= edge for edge in SIZE_EDGES[1:-1])
            counts[above] += 1
        labels = [f"{low:.1%}-{high:.1%}" for low, high in pairwise(SIZE_EDGES)]
        return dict(zip(labels, counts, strict=True))

    def to_json(self) -> dict[str, object]:
        """Return everything as JSON values, the commonest first."""
        lengths = sorted(self.lengths.elements())
        sizes = sorted(self.sizes)
        return {
            "records": self.records,
            "images": self.images,
            "absent": self.absent,
            "table_1": self.table_1(),
            "facets": {name: dict(values.most_common()) for name, values in self.facets.items()},
            "splits": dict(self.splits.most_common()),
            "sources": dict(self.sources.most_common()),
            "licences": dict(self.licences.most_common()),
            "categories": dict(self.categories.most_common()),
            "words": dict(self.words.most_common(200)),
            "instruction_words": {**_summary(lengths), "bars": self.length_bars()},
            "mask_share": {**_summary(sizes), "bars": self.size_bars()},
        }


Track = Callable[[Sequence[Record]], Iterable[Record]]


def count_records(records: Sequence[Record], *, track: Track = iter) -> Statistics:
    """Go through records and count.

    Args:
        records: Of one manifest. Images are not opened: sizes are those of the masks.
        track: Wraps the records, to show progress.

    Raises:
        DataError: A mask is damaged.
    """
    statistics = Statistics()
    images = set()
    for record in track(records):
        statistics.records += 1
        images.add(record.image)
        statistics.absent += not record.masks
        statistics.masks += len(record.masks)
        statistics.categories.update(_categories(record))
        words = record.instruction.split()
        statistics.lengths[len(words)] += 1
        statistics.words.update(_telling(record.instruction))
        for mask in record.masks:
            height, width = mask["size"]
            statistics.sizes.append(mask_area_px(mask) / (height * width))
        for name, value in record.facets.items():
            statistics.facets.setdefault(name, Counter())[value] += 1
        statistics.splits[record.split or "none"] += 1
        statistics.sources[record.source or "none"] += 1
        statistics.licences[record.licence or "none"] += 1
        statistics.written_answers += record.extra.get("answer_by") != "template"
        statistics.boxes += any(record.extra.get(key) for key in _BOXES)
    statistics.images = len(images)
    return statistics


def _categories(record: Record) -> list[str]:
    """Name what the masks of a record show, one name a mask."""
    stated = record.extra.get("category")
    if isinstance(stated, str) and stated.strip():
        return [stated.strip()] * len(record.masks)
    phrases = find_phrases(record.answer) if record.masks else []
    expressions = record.extra.get("answer_by") == "template"
    nouns = [head_noun(p) if expressions else singular(p.lower()) for p in phrases]
    return [noun for noun in nouns if noun != UNNAMED]


def _telling(instruction: str) -> list[str]:
    """Return the words of an instruction that say something, in lower case."""
    silent = set(_STOP_WORDS.split())
    words = re.findall(r"[^\W\d_][\w'-]*", instruction.lower())
    return [word for word in words if len(word) > 1 and word not in silent]


def _summary(values: Sequence[float]) -> dict[str, float | None]:
    """Return least, middle, mean and greatest of sorted values; None without any."""
    if not values:
        return dict.fromkeys(("min", "median", "mean", "max"))
    half = len(values) // 2
    median = values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
    return {
        "min": values[0],
        "median": median,
        "mean": sum(values) / len(values),
        "max": values[-1],
    }


def figure_3(statistics: Statistics) -> Mapping[str, Mapping[str, int]]:
    """Return what the panels (a), (c) and (d) of Figure 3 show as bars: name to label to count."""
    return {
        "categories": dict(statistics.categories.most_common()),
        "instruction_lengths": statistics.length_bars(),
        "mask_sizes": statistics.size_bars(),
    }
