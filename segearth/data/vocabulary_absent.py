"""What to ask for when the answer shall be "there is none".

`IMPOSSIBLE` says for each of the 21 scene classes of the UC Merced tiles which categories
surely cannot be in such a tile, so that the class alone makes a safe question. A category that
*might* be there (a car on a beach, a pond on a golf course) is on no list.
"""

from __future__ import annotations

from collections.abc import Collection

from segearth.data.vocabulary import covers

# Things that people look for and that are plainly there or not.
WORTH_ASKING: tuple[str, ...] = (
    *("airplane", "airport runway", "helicopter", "helipad", "hangar", "jet bridge"),
    *("ship", "motorboat", "sailboat", "dock", "harbor", "beach", "sea", "river", "lake", "pond"),
    *("storage tank", "chimney", "cooling tower", "windmill", "solar panel", "greenhouse"),
    *("tennis court", "basketball court", "baseball diamond", "soccer ball field", "stadium"),
    *("ground track field", "playground", "swimming pool", "golf green", "sand bunker"),
    *("house", "building", "mobile home", "parking lot", "driveway", "small car", "truck", "bus"),
    *("road", "freeway", "overpass", "bridge", "roundabout", "intersection", "zebra crossing"),
    *("railway", "train station", "container crane", "shipping container", "farmland", "forest"),
    *("dam", "volleyball court", "bleachers", "tractor"),
)

_WATERS = frozenset({"sea", "river", "lake", "pond", "water", "canal", "harbor", "basin"})
_WAYS = frozenset(
    {"road", "freeway", "path", "driveway", "airport runway", "taxiway", "parking lot", "bridge"}
    | {"overpass", "intersection", "apron"}
)
_LORRIES = frozenset({"truck", "bus", "trailer", "large vehicle", "van", "tractor", "vehicle"})
_HOUSES = frozenset({"house", "building", "mobile home", "roof", "shed", "hangar", "terminal"})
_BARE = frozenset({"bare land", "farmland", "beach", "wet sand", "dry sand", "sandbar"})

# Beside one of these, whether the thing is there may be a matter of opinion: it is not asked for.
ALIKE: dict[str, frozenset[str]] = {
    **dict.fromkeys(("sea", "river", "lake", "pond", "canal"), _WATERS),
    **dict.fromkeys(("house", "building", "mobile home", "greenhouse", "hangar"), _HOUSES),
    **dict.fromkeys(("beach", "farmland", "bare land"), _BARE),
    "vegetation": frozenset({"grass", "trees", "tree", "bushes", "forest", "farmland", "fairway"}),
    **dict.fromkeys(("truck", "bus", "tractor"), _LORRIES),
    "harbor": _WATERS | {"dock", "ship", "motorboat"},
    "road": _WAYS,
    "freeway": _WAYS,
    "intersection": _WAYS,
    "overpass": _WAYS,
    "bridge": frozenset({"overpass", "dock", "path", "river"}),
    "driveway": _WAYS,
    "parking lot": _WAYS | {"small car", "vehicle"},
    "forest": frozenset({"tree", "trees", "bushes"}),
    "dock": frozenset({"harbor", "motorboat", "ship", "boat"}),
    "ship": frozenset({"motorboat", "sailboat", "boat"}),
    "motorboat": frozenset({"ship", "sailboat", "boat"}),
    "sailboat": frozenset({"ship", "motorboat", "boat"}),
    "shipping container": _LORRIES | _HOUSES,
    "small car": frozenset({"vehicle", "van", "taxi"}),
    "soccer ball field": frozenset({"sports field", "football field", "stadium"}),
    "stadium": frozenset({"bleachers", "ground track field"}),
    "bleachers": frozenset({"stadium", "dugout"}),
    "swimming pool": frozenset({"pond", "fountain"}),
    "golf green": frozenset({"fairway", "golf field"}),
    "sand bunker": frozenset({"beach", "golf field"}),
    "cooling tower": frozenset({"storage tank"}),
    "chimney": frozenset({"storage tank", "cooling tower"}),
    "helipad": frozenset({"airport runway", "apron"}),
    "playground": frozenset({"bleachers", "sports field"}),
}

_FLIGHT = frozenset(
    {
        "airplane",
        "airport runway",
        "helicopter",
        "helipad",
        "hangar",
        "jet bridge",
        "runway marking",
    }
)
_BOATS = frozenset({"ship", "motorboat", "sailboat", "dock", "harbor"})
_BIG = frozenset({"ship", "harbor"})  # too big for a garden pond or a trailer
_COAST = frozenset({"beach", "sea", "wave"})
_INDUSTRY = frozenset(
    {"storage tank", "chimney", "cooling tower", "windmill", "container crane", "substation"}
)
_RAIL = frozenset({"railway", "train station"})
_SPORT = frozenset(
    {"tennis court", "basketball court", "baseball diamond", "soccer ball field", "stadium"}
    | {"ground track field", "volleyball court", "bleachers"}
)
_GOLF = frozenset({"golf green", "sand bunker", "fairway"})
_BIG_ROADS = frozenset({"freeway", "overpass", "roundabout"})
_HOMES = frozenset({"house", "building", "mobile home", "driveway", "swimming pool"})
_TRAFFIC = frozenset({"bus", "parking lot", "intersection", "zebra crossing"})
_RARE = _FLIGHT | _INDUSTRY | {"dam", "greenhouse"}
_WET = frozenset({"river", "lake"})

IMPOSSIBLE: dict[str, frozenset[str]] = {
    "agricultural": _RARE
    | _BOATS
    | _COAST
    | _SPORT
    | _GOLF
    | _BIG_ROADS
    | _TRAFFIC
    | {"swimming pool"},
    "airplane": _BOATS | _COAST | _SPORT | _GOLF | _RAIL | _WET | {"mobile home", "swimming pool"},
    "baseballdiamond": _RARE | _BOATS | _COAST | _GOLF | _BIG_ROADS | {"mobile home", "lake"},
    "beach": _RARE
    | _SPORT
    | _GOLF
    | _BIG_ROADS
    | _TRAFFIC
    | _RAIL
    | _HOMES
    | {"harbor", "farmland"},
    "buildings": _BOATS
    | _COAST
    | _GOLF
    | _WET
    | {"airplane", "airport runway", "farmland", "forest"},
    "chaparral": _RARE | _BOATS | _COAST | _SPORT | _GOLF | _BIG_ROADS | _HOMES | _TRAFFIC | _WET,
    "denseresidential": _RARE | _BOATS | _COAST | _GOLF | _WET | {"farmland", "baseball diamond"},
    "forest": _RARE | _BOATS | _COAST | _SPORT | _GOLF | _BIG_ROADS | _TRAFFIC | _RAIL,
    "freeway": _RARE | _BOATS | _COAST | _SPORT | _GOLF | {"mobile home", "lake"},
    "golfcourse": _RARE
    | _BOATS
    | _COAST
    | _BIG_ROADS
    | _RAIL
    | {"baseball diamond", "mobile home"},
    "harbor": _RARE | _SPORT | _GOLF | _BIG_ROADS | _RAIL | {"beach", "mobile home", "farmland"},
    "intersection": _RARE | _BOATS | _COAST | _SPORT | _GOLF | _WET | {"farmland"},
    "mediumresidential": _RARE | _BIG | _COAST | _GOLF | _WET | _BIG_ROADS | {"farmland"},
    "mobilehomepark": _RARE | _BOATS | _COAST | _GOLF | _WET | _BIG_ROADS | {"farmland"},
    "overpass": _RARE | _BOATS | _COAST | _SPORT | _GOLF | _WET | {"mobile home", "swimming pool"},
    "parkinglot": _RARE
    | _BOATS
    | _COAST
    | _SPORT
    | _GOLF
    | _WET
    | _RAIL
    | {"mobile home", "farmland"},
    "river": _RARE | _SPORT | _GOLF | _COAST | {"mobile home", "parking lot", "swimming pool"},
    "runway": _BOATS
    | _COAST
    | _SPORT
    | _GOLF
    | _RAIL
    | _INDUSTRY
    | _HOMES
    | _WET
    | {"parking lot"},
    "sparseresidential": _RARE | _BIG | _COAST | _BIG_ROADS | _RAIL | {"parking lot"},
    "storagetanks": _FLIGHT
    | _COAST
    | _SPORT
    | _GOLF
    | {"swimming pool", "mobile home", "farmland"},
    "tenniscourt": _RARE | _BIG | _COAST | _GOLF | _BIG_ROADS | _RAIL | {"farmland", "mobile home"},
}


def may_be_there(category: str, present: Collection[str]) -> bool:
    """Tell whether something in a picture goes by this name, or nearly so.

    Args:
        category: What would be asked for in vain.
        present: The categories of the picture's objects.
    """
    return bool((covers(category) | ALIKE.get(category, frozenset())) & set(present)) or any(
        category in covers(other) for other in present
    )


def absent_from(present: Collection[str]) -> tuple[str, ...]:
    """List what is worth asking for and surely not in a picture that is completely known."""
    return tuple(name for name in WORTH_ASKING if not may_be_there(name, present))


def impossible_in(scene_class: str) -> tuple[str, ...]:
    """List what surely cannot be in a tile of a UC Merced scene class.

    Args:
        scene_class: "airplane", "denseresidential" …; an unknown class has no safe questions.
    """
    return tuple(sorted(IMPOSSIBLE.get(scene_class, frozenset())))
