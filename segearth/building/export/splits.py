"""Which split a record goes to: the one it came with, or one for its whole scene."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from segearth.data.manifest import Record
from segearth.errors import DataError

SPLITS = ("train", "val", "test")
_NAMES = {"train": "train", "val": "val", "validation": "val", "valid": "val", "test": "test"}


def carried_splits(records: Sequence[Record], scene_of: Mapping[str, int]) -> list[str | None]:
    """Keep the splits that records came with.

    Args:
        records: The records.
        scene_of: Scene of each record, by id.

    Returns:
        One split a record; None for a record whose split is none of the three, such as "gap".

    Raises:
        DataError: A scene is in two splits, so that a model would be tested on what it has seen.
    """
    splits = [_NAMES.get(record.split or "") for record in records]
    seen: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for record, split in zip(records, splits, strict=True):
        if split:
            seen[scene_of[record.id]].setdefault(split, record.image.name)
    crossing = [images for images in seen.values() if len(images) > 1]
    if crossing:
        example = ", ".join(f"{image} in {split}" for split, image in crossing[0].items())
        raise DataError(
            f"{len(crossing)} scenes are in more than one split, such as {example}",
            hint="--split scene makes new splits; --scene-pattern says what belongs together",
        )
    return splits


def new_splits(
    records: Sequence[Record], scene_of: Mapping[str, int], shares: Mapping[str, float], seed: int
) -> list[str]:
    """Put whole scenes into splits, in an order that the seed decides.

    A scene goes where the largest part of the wanted share is missing; validation and test are
    never overfilled, so that few large scenes make them smaller than asked for.

    Args:
        records: The records.
        scene_of: Scene of each record, by id.
        shares: "val" and "test" to the wanted share of records, 0 to 1.
        seed: Of the order.

    Returns:
        One split a record.
    """
    sizes = Counter(scene_of[record.id] for record in records)
    first_image: dict[int, str] = {}
    for record in records:
        first_image.setdefault(scene_of[record.id], record.image.as_posix())
    total = len(records)
    wanted = {name: share * total for name, share in shares.items() if share > 0}
    wanted["train"] = max(1e-9, total - sum(wanted.values()))
    filled = dict.fromkeys(wanted, 0)
    chosen: dict[int, str] = {}
    # By name and not by number: one more image elsewhere does not turn the order round.
    for scene in sorted(sizes, key=lambda scene: _shuffled(first_image[scene], seed)):
        size = sizes[scene]
        open_ones = [n for n in wanted if n == "train" or filled[n] + size <= wanted[n] + 0.5]
        split = max(open_ones, key=lambda name: (wanted[name] - filled[name]) / wanted[name])
        filled[split] += size
        chosen[scene] = split
    return [chosen[scene_of[record.id]] for record in records]


def _shuffled(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()
