"""The dataset's README.md: what is in it, under which licence, and how it came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import yaml

from segearth import __version__
from segearth.data.answers import find_phrases
from segearth.data.manifest import FACETS, Record
from segearth.data.vocabulary import singular

_HUB_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_HUB_LICENCES = frozenset(
    {"mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc", "cc0-1.0", "unlicense", "pddl"}
    | {f"cc-by{more}-{v}" for more in ("", "-sa", "-nc", "-nd") for v in ("2.0", "3.0", "4.0")}
    | {f"cc-by-nc-{more}-{v}" for more in ("sa", "nd") for v in ("2.0", "3.0", "4.0")}
    | {"cc-by-2.5", "odbl", "odc-by", "gpl-3.0", "agpl-3.0", "etalab-2.0", "cdla-permissive-2.0"}
)
"""Identifiers that the Hugging Face hub takes for a licence of data."""
_MOST_CATEGORIES = 30
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(
    title: str,
    splits: Mapping[str, Sequence[Record]],
    scenes: Mapping[str, int],
    how_split: str,
    left_out: Mapping[str, int],
    *,
    parquet: bool,
) -> str:
    """Compose the card, with the head that the Hugging Face hub reads.

    Args:
        title: The dataset's name.
        splits: Records by split, empty ones left out.
        scenes: Number of scenes by split.
        how_split: A sentence about how the splits were made.
        left_out: Reasons to numbers of records that are not in the dataset.
        parquet: Whether there are Parquet files for the hub to load.

    Returns:
        Markdown.
    """
    records = [record for own in splits.values() for record in own]
    parts = [
        f"---\n{_head(title, splits, records, parquet=parquet)}---\n",
        f"# {title}\n",
        "Questions about remote sensing images, answers in which every target is marked, and a "
        "mask for each: `<p>phrase </p>[SEG]` in the answer stands for one mask.\n",
        _numbers(splits, scenes),
        f"{how_split}\n",
        "## Licences and sources\n",
        _counts(("licence", "source", "images"), _licences(records)),
        "## Facets\n",
        _facets(splits),
        "## Categories\n",
        _categories(records),
        "## How it was made\n",
        _writers(records),
        _left_out(left_out),
        "## Files\n",
        _files(splits, parquet=parquet),
        f"Written by segearth {__version__}.\n",
    ]
    return "\n".join(part for part in parts if part)


def _head(
    title: str,
    splits: Mapping[str, Sequence[Record]],
    records: Sequence[Record],
    *,
    parquet: bool,
) -> str:
    licences = sorted({record.licence or "" for record in records})
    single = licences[0].lower() if len(licences) == 1 else ""
    known = single if single in _HUB_LICENCES else "other"  # has a name of its own, below
    head: dict[str, object] = {"license": known}
    if known == "other":
        head["license_name"] = "see-below"
    place = "parquet/{}-*.parquet" if parquet else "{}.jsonl"
    head |= {
        "pretty_name": title,
        "language": ["en"],
        "task_categories": ["image-segmentation", "visual-question-answering"],
        "tags": ["remote-sensing", "referring-segmentation", "reasoning-segmentation"],
        "size_categories": [next((n for top, n in _SIZES if len(records) < top), "n>1M")],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": _HUB_SPLITS[name], "path": place.format(name)} for name in splits
                ],
            }
        ],
    }
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _numbers(splits: Mapping[str, Sequence[Record]], scenes: Mapping[str, int]) -> str:
    rows = [
        (
            name,
            scenes[name],
            len({record.image for record in own}),
            len(own),
            sum(len(record.masks) for record in own),
        )
        for name, own in splits.items()
    ]
    return _counts(("split", "scenes", "images", "questions", "masks"), rows)


def _licences(records: Sequence[Record]) -> list[tuple[object, ...]]:
    images = {(r.licence, r.source or "not stated", r.image) for r in records}
    counted = Counter((licence, source) for licence, source, _ in images)
    return [(*key, count) for key, count in sorted(counted.items(), key=str)]


def _facets(splits: Mapping[str, Sequence[Record]]) -> str:
    rows = []
    for facet, values in FACETS.items():
        for value in values:
            counts = [sum(r.facets[facet] == value for r in own) for own in splits.values()]
            rows.append((facet, value, *counts))
    return _counts(("facet", "value", *splits), rows)


def _categories(records: Sequence[Record]) -> str:
    counted = Counter(
        singular(phrase.lower()) for record in records for phrase in find_phrases(record.answer)
    )
    shown = ", ".join(f"{name} ({count})" for name, count in counted.most_common(_MOST_CATEGORIES))
    more = len(counted) - _MOST_CATEGORIES
    tail = f", and {more} more" if more > 0 else ""
    return f"{len(counted)} kinds of targets, by the number of masks: {shown}{tail}.\n"


def _writers(records: Sequence[Record]) -> str:
    rows: Counter[tuple[str, str]] = Counter()
    for record in records:
        by = record.extra.get("written_by")
        known = by if isinstance(by, dict) else {}
        rows[str(known.get("provider") or "not stated"), str(known.get("model") or "none")] += 1
    return _counts(
        ("questions written by", "model", "questions"), [(*k, n) for k, n in sorted(rows.items())]
    )


def _left_out(left_out: Mapping[str, int]) -> str:
    if not left_out:
        return ""
    rows = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return "Not taken in:\n\n" + _counts(("reason", "questions"), rows)


def _files(splits: Mapping[str, Sequence[Record]], *, parquet: bool) -> str:
    lines = [f"- `{name}.jsonl`: a record a line; images are relative to it" for name in splits]
    lines.append("- `images/`: the images, unchanged")
    if parquet:
        lines.append("- `parquet/`: the same records with the images inside, a row a question")
    lines.append(
        "\nMasks are COCO run lengths (columns first). `boxes_px` has a box a mask: "
        "`[x0, y0, x1, y1]` in pixels, the last two one past the end."
    )
    return "\n".join(lines) + "\n"


def _counts(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
