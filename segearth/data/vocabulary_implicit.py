"""Descriptions that lead to a category without naming it.

Two forms share a list. A descriptor, ``"machine|that could carry travellers"``, is a noun
phrase in two pieces and can stand wherever a noun can: "the leftmost machine that could carry
travellers", "machines that could …" (only modal verbs, so that singular and plural agree). A
scenario is a whole instruction for everything of the category.

`RIVALS` names the categories that would answer the same description: beside one of them,
nothing implicit is asked about the category.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from segearth.data.vocabulary import SYNONYMS, plural, singular
from segearth.data.vocabulary_implicit_aircraft import AIRCRAFT
from segearth.data.vocabulary_implicit_built import BUILT
from segearth.data.vocabulary_implicit_craft import CRAFT
from segearth.data.vocabulary_implicit_land import LAND
from segearth.data.vocabulary_implicit_moving import MOVING
from segearth.data.vocabulary_implicit_parts import PARTS_IMPLICIT
from segearth.data.vocabulary_implicit_sites import SITES
from segearth.data.vocabulary_implicit_ways import WAYS

IMPLICIT: dict[str, tuple[str, ...]] = {
    **{**MOVING, **BUILT, **WAYS, **LAND},
    **{**AIRCRAFT, **CRAFT, **SITES, **PARTS_IMPLICIT},
}
"""Six or more a category; all 122 of LaSeRS (paper, Table 7) and some more have them."""

_VEHICLES = frozenset(
    {"vehicle", "small car", "truck", "van", "bus", "taxi", "large vehicle", "small vehicle"}
    | {"trailer", "cargo truck", "dump truck", "truck tractor", "tractor", "excavator"}
)
_LORRIES = _VEHICLES - {"small car", "taxi", "small vehicle"}
_BOATS = frozenset(
    {"ship", "motorboat", "sailboat", "boat", "fishing boat", "passenger ship", "warship"}
    | {"cargo ship", "dry cargo ship", "liquid cargo ship", "engineering ship", "tugboat"}
)
_PLANES = frozenset({"airplane", "plane", *AIRCRAFT})
_HOMES = frozenset(
    {"house", "building", "roof", "mobile home", "shed", "garage", "terminal", "hangar"}
)
_WATERS = frozenset({"water", "sea", "river", "lake", "pond", "canal", "basin", "harbor"})
_GREENS = frozenset({"grass", "green strip", "fairway", "infield grass", "outfield grass"})
_WOODS = frozenset({"tree", "trees", "forest", "bushes"})
_ROADS = frozenset({"road", "freeway", "paved road", "bridge road", "unimproved road", "overpass"})
_FIELDS = frozenset(
    {"sports field", "soccer ball field", "football field", "ground track field", "stadium"}
    | {"baseball field", "baseball diamond", "tennis court", "basketball court"}
    | {"volleyball court", "playground"}
)
_RUNWAYS = frozenset({"airport runway", "taxiway", "apron"})
_DIAMONDS = frozenset({"baseball diamond", "baseball field", "infield"})

RIVALS: dict[str, frozenset[str]] = {
    "airplane": frozenset({"helicopter"}),
    "baseball diamond": _DIAMONDS,
    "beach": frozenset({"wet sand", "dry sand", "sandbar"}),
    "bridge": frozenset({"overpass", "bridge road", "dock"}),
    "building": _HOMES,
    "bus": _LORRIES,
    "bushes": _WOODS,
    "driveway": frozenset({"parking lot"}),
    "fairway": _GREENS | {"golf green"},
    "forest": _WOODS,
    "freeway": _ROADS,
    "golf green": frozenset({"fairway"}),
    "grass": _GREENS | {"golf green", "farmland", "sports field", "soccer ball field"},
    "house": _HOMES,
    "lake": _WATERS,
    "large vehicle": _LORRIES,
    "mobile home": _HOMES,
    "motorboat": _BOATS,
    "overpass": frozenset({"bridge", "bridge road"}),
    "path": frozenset({"road", "driveway", "unimproved road", "dock", "taxiway"}),
    "pond": _WATERS,
    "river": _WATERS,
    "road": _ROADS | {"driveway", "airport runway", "taxiway", "path", "parking lot"},
    "roof": _HOMES,
    "sailboat": _BOATS,
    "sea": _WATERS | {"wave"},
    "ship": _BOATS,
    "small car": _VEHICLES,
    "storage tank": frozenset({"small tank", "silo", "small silo"}),
    "tree": _WOODS,
    "trees": _WOODS,
    "truck": _LORRIES,
    "vehicle": _VEHICLES,
    "water": _WATERS | {"swimming pool"},
    "canal": _WATERS,
    "airport runway": _RUNWAYS - {"taxiway", "apron"},
    "runway marking": frozenset({"runway number", "threshold bar", "centreline dash"}),
    "bare land": frozenset({"farmland", "beach", "baseball diamond", "infield dirt"}),
    "green strip": _GREENS,
    "vegetation": _GREENS | _WOODS | {"farmland"},
    "swimming pool": frozenset({"lake", "pond"}),
    "zebra crossing": frozenset({"crosswalk"}),
    **dict.fromkeys(AIRCRAFT, _PLANES),
    "plane": frozenset({"helicopter"}),
    **dict.fromkeys(("small vehicle", "excavator", "tractor", "trailer"), _VEHICLES),
    **dict.fromkeys(("van", "cargo truck", "dump truck", "truck tractor"), _VEHICLES),
    **dict.fromkeys(("dry cargo ship", "liquid cargo ship", "engineering ship"), _BOATS),
    **dict.fromkeys(("fishing boat", "passenger ship", "tugboat", "warship"), _BOATS),
    "baseball field": _DIAMONDS,
    "bridge road": _ROADS | {"bridge"},
    "dockside warehouse": _HOMES,
    "expressway service area": frozenset({"expressway toll station", "parking lot"}),
    "expressway toll station": frozenset({"expressway service area"}),
    "football field": _FIELDS,
    "golf field": frozenset({"golf green", "fairway"}),
    "paved road": _ROADS | {"path", "driveway", "airport runway", "taxiway", "parking lot"},
    "paved square": frozenset({"parking lot", "playground"}) | _FIELDS,
    "sports field": _FIELDS,
    "unimproved road": _ROADS | {"path"},
    "white smoke": frozenset({"chimney", "cooling tower top opening"}),
    "upstream": _WATERS | {"downstream"},
    "downstream": _WATERS | {"upstream"},
    "bow of ship": frozenset({"bow"}),
    "stern of ship": frozenset({"stern"}),
    "net": frozenset({"tennis net", "football net"}),
    **dict.fromkeys(("tennis net", "football net"), frozenset({"net"})),
    "center line": frozenset({"center service line"}),
}


@dataclass(frozen=True)
class Descriptor:
    """A noun phrase in two pieces that stands for a category."""

    head: str
    clause: str

    def noun(self, *, many: bool) -> str:
        """Return the description as a noun, singular or plural."""
        return f"{plural_head(self.head) if many else self.head} {self.clause}"


def plural_head(head: str) -> str:
    """Form the plural of a head, which may carry "of …", "on …" or "with …" behind its noun."""
    for link in (" of ", " on ", " with ", " over ", " beside ", " by ", " at "):
        noun, found, rest = head.partition(link)
        if found:
            return f"{plural_head(noun)}{link}{rest}"
    return head if head.endswith(("craft", "plants", "growth")) else plural(head)


def descriptors(category: str) -> list[Descriptor]:
    """List the category's descriptors; empty for a category without any."""
    pairs = (text.split("|") for text in IMPLICIT.get(category, ()) if "|" in text)
    return [Descriptor(head, clause) for head, clause in pairs]


def names(text: str, phrase: str) -> bool:
    """Tell whether a text names what a phrase of an answer stands for, by any of its names."""
    return _names_of(phrase).search(text) is not None


@cache
def _names_of(phrase: str) -> re.Pattern[str]:
    category = singular(phrase)
    nouns = {phrase, category, *SYNONYMS.get(category, ())}
    forms = sorted({form for noun in nouns for form in (noun, plural(noun))})
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, forms))})\b", re.IGNORECASE)


def scenarios(category: str) -> list[str]:
    """List the category's whole instructions; empty for a category without any."""
    return [text for text in IMPLICIT.get(category, ()) if "|" not in text]
