"""Which reader belongs to which benchmark, with the choices that each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from segearth.errors import UsageError
from segearth.published import (
    coco,
    earthreason,
    geopackage,
    lasers,
    phrase_lists,
    rrsis_d,
    samrs,
)
from segearth.published.examples import Read


class Choices(NamedTuple):
    """What a user may choose; each concerns some benchmarks only."""

    questions: Literal["first", "all"] = "first"
    subset: Literal["sota", "sior", "fast"] | None = None
    rasters: tuple[Path, ...] = ()
    text: str | None = None
    layer: str | None = None


_CONCERNED = {
    "questions": ("rrsis-d", "earthreason"),
    "subset": ("samrs",),
    "rasters": ("geopackage",),
    "text": ("geopackage",),
    "layer": ("geopackage",),
}
_MODULES: Mapping[str, ModuleType] = {
    "lasers": lasers,
    "rrsis-d": rrsis_d,
    "refsegrs": phrase_lists,
    "risbench": phrase_lists,
    "earthreason": earthreason,
    "samrs": samrs,
    "coco": coco,
    "geopackage": geopackage,
}


def assumed_facets(name: str) -> dict[str, str]:
    """Return how the facets come about that a benchmark does not state."""
    return dict(_MODULES[name].ASSUMED)


def find_splits(name: str, source: Path, choices: Choices) -> dict[str, Read]:
    """Find a benchmark's files and return a reader a split.

    Args:
        name: As in `segearth.published.catalogue`.
        source: Where the files are.
        choices: What the user chose.

    Raises:
        UsageError: A choice does not concern this benchmark, or is missing.
        DataError: The files are not there or not of the published form.
        GeoreferenceError: A layer has no coordinate system.
    """
    defaults = Choices()
    for option, concerned in _CONCERNED.items():
        if name not in concerned and getattr(choices, option) != getattr(defaults, option):
            raise UsageError(
                f"{name} has no choice of {option}",
                where=f"--{option.removesuffix('s') if option == 'rasters' else option}",
                hint=f"it is for {' and '.join(concerned)}",
            )
    if name == "geopackage":
        return geopackage.find_splits(
            source, choices.rasters, text=choices.text, layer=choices.layer
        )
    if name == "rrsis-d":
        return rrsis_d.find_splits(source, choices.questions)
    if name == "earthreason":
        return earthreason.find_splits(source, choices.questions)
    if name == "samrs":
        return samrs.find_splits(source, choices.subset)
    if name == "coco":
        return coco.find_splits(source)
    if name == "lasers":
        return lasers.find_splits(source)
    layouts = {
        "refsegrs": phrase_lists.REFSEGRS_LAYOUT,
        "risbench": phrase_lists.RISBENCH_LAYOUT,
    }
    return phrase_lists.find_splits(source, layouts[name])
