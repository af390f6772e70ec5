"""What shapes are accepted: a range for every figure, learnt from reference masks (Sec. 7.3).

The paper takes 50 hand-picked masks of a category, computes the distribution of each figure
("e.g., mean and standard deviation") and keeps a mask only if all its figures lie in the
ranges. A profile is a YAML file, so that a person can read it and move a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from segearth.building.shapes.measures import FIGURES
from segearth.errors import DataError
from segearth.files import write_text

MIN_REFERENCES = 10
"""A spread of fewer masks says little; the paper has 50 a category."""

MIN_HALF_WIDTH = 0.02
"""Drawing the same shape elsewhere on the pixel grid alone moves a figure by about this much."""

_COUNTS = ("references", "accepted")

Range = tuple[float, float]
Ranges = Mapping[str, Range]


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What one category's reference masks look like."""

    references: int
    """How many masks the ranges come from."""
    accepted: int
    """How many of them the ranges accept: narrow ranges refuse good masks, too."""
    ranges: dict[str, Range]
    """Lowest and highest accepted value of every figure, both included."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Accepted shapes by category."""

    rule: str
    """How the ranges were made, in words."""
    any: Learnt
    """Of all references together: for masks whose category nobody knows."""
    categories: dict[str, Learnt]

    def ranges_for(self, category: str | None) -> tuple[str, Ranges] | None:
        """Choose the ranges for a mask.

        Args:
            category: Of the mask, or None if it has none.

        Returns:
            The name and the ranges; None for a category without references of its own: what
            holds for other categories says nothing about it.
        """
        if category is None:
            return "any", self.any.ranges
        name = category_name(category)
        return (name, self.categories[name].ranges) if name in self.categories else None


def category_name(text: str) -> str:
    """Bring spellings together: "Small-Vehicle" is "small vehicle"."""
    return " ".join(text.replace("-", " ").replace("_", " ").lower().split())


def learn_profile(
    references: Iterable[tuple[str | None, Mapping[str, float]]],
    *,
    deviations: float | None = None,
    quantile: float | None = None,
) -> Profile:
    """Learn ranges from measured reference masks.

    Args:
        references: Category, or None, and figures of each mask.
        deviations: Ranges are mean ± so many standard deviations (of the sample, n - 1).
        quantile: Ranges reach from this quantile to 1 minus it instead; 0 is min to max.

    Returns:
        The profile. Ranges are at least 2 `MIN_HALF_WIDTH` wide; a category with fewer than
        `MIN_REFERENCES` masks has none of its own.

    Raises:
        DataError: There are fewer than `MIN_REFERENCES` references in all.
    """
    assert (deviations is None) != (quantile is None)
    groups: dict[str, list[list[float]]] = {}
    everything: list[list[float]] = []
    for category, figures in references:
        row = [figures[name] for name in FIGURES]
        everything.append(row)
        if category is not None:
            groups.setdefault(category_name(category), []).append(row)
    if len(everything) < MIN_REFERENCES:
        raise DataError(
            f"{len(everything)} reference masks are too few to learn ranges from",
            hint=f"give at least {MIN_REFERENCES}; the paper uses 50 of each category",
        )

    def learnt(rows: list[list[float]]) -> Learnt:
        values = np.asarray(rows)
        if quantile is None:
            assert deviations is not None
            mean, spread = values.mean(axis=0), deviations * values.std(axis=0, ddof=1)
            low, high = mean - spread, mean + spread
        else:
            low, high = np.quantile(values, [quantile, 1 - quantile], axis=0)
        middle = (low + high) / 2
        low = np.minimum(low, middle - MIN_HALF_WIDTH).round(6)
        high = np.maximum(high, middle + MIN_HALF_WIDTH).round(6)
        inside = ((low <= values) & (values <= high)).all(axis=1)
        bounds = zip(low.tolist(), high.tolist(), strict=True)
        return Learnt(
            references=len(rows),
            accepted=int(inside.sum()),
            ranges=dict(zip(FIGURES, bounds, strict=True)),
        )

    rule = (
        f"mean ± {deviations:g} standard deviations"
        if quantile is None
        else f"quantiles {quantile:g} to {1 - quantile:g}"
    ) + f", at least {2 * MIN_HALF_WIDTH:g} wide"
    return Profile(
        rule=rule,
        any=learnt(everything),
        categories={
            name: learnt(rows)
            for name, rows in sorted(groups.items())
            if len(rows) >= MIN_REFERENCES
        },
    )


def write_profile(path: Path, profile: Profile) -> None:
    """Write a profile as YAML.

    Raises:
        DataError: The file cannot be written.
    """

    def plain(learnt: Learnt) -> dict[str, object]:
        return {
            "references": learnt.references,
            "accepted": learnt.accepted,
            **{name: list(bounds) for name, bounds in learnt.ranges.items()},
        }

    document = {
        "rule": profile.rule,
        "any": plain(profile.any),
        "categories": {name: plain(learnt) for name, learnt in profile.categories.items()},
    }
    head = "# Accepted shapes, for `segearth data filter --profile`: [lowest, highest] of each.\n"
    text = yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )
    write_text(path, head + text)


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Raises:
        DataError: The file cannot be read or is no profile; says which key is wrong.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no YAML text"
        raise DataError(f"{path.name} cannot be read: {reason}", where=str(path)) from error
    document = _mapping(document, "the file", path)
    categories = _mapping(document.get("categories"), '"categories"', path)
    return Profile(
        rule=str(document.get("rule")),
        any=_learnt(document.get("any"), '"any"', path),
        categories={
            category_name(str(name)): _learnt(value, f'category "{name}"', path)
            for name, value in categories.items()
        },
    )


def _mapping(value: object, name: str, path: Path) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _wrong(f"{name} should be keys and values", path)
    return value


def _learnt(value: object, name: str, path: Path) -> Learnt:
    """Check the ranges of one category."""
    keys = _mapping(value, name, path)
    if unknown := sorted(str(key) for key in keys.keys() - {*FIGURES, *_COUNTS}):
        raise _wrong(f"{name} has the unknown key {unknown[0]!r}", path)
    references, accepted = (keys.get(count, 0) for count in _COUNTS)
    if not isinstance(references, int) or not isinstance(accepted, int):
        raise _wrong(f"the counts of {name} should be whole numbers", path)
    return Learnt(
        references=references,
        accepted=accepted,
        ranges={
            figure: _range(keys[figure], f"{figure!r} of {name}", path)
            for figure in FIGURES
            if figure in keys
        },
    )


def _range(value: object, name: str, path: Path) -> Range:
    if (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(end, int | float) and not isinstance(end, bool) for end in value)
        and value[0] <= value[1]  # false for NaN, too
    ):
        return float(value[0]), float(value[1])
    raise _wrong(f"{name} should be [lowest, highest], not {value!r}", path)


def _wrong(problem: str, path: Path) -> DataError:
    return DataError(
        problem,
        where=str(path),
        hint=f"a profile has the keys any and categories, each with ranges of {', '.join(FIGURES)}",
    )
