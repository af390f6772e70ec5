"""The words for what is seen from above: categories, their plurals, synonyms and wider words.

A category is a singular noun (``"small car"``). `SYNONYMS` may stand in for it anywhere. A
wider word (`WIDER`) also covers other categories: "vehicle" for a small car is only right if
trucks are counted too. `covers` answers which categories a word reaches; whoever looks for
"the leftmost vehicle" has to look among all of them.

Sources: the phrases of our UC Merced annotation, and LaSeRS's categories (paper, Table 7).
"""

from __future__ import annotations

from functools import cache

from segearth.data.objects import Kind

THINGS = """
airplane, plane, helicopter, ship, motorboat, sailboat, boat, small car, vehicle, truck, van, bus,
taxi, large vehicle, small vehicle, trailer, tractor, excavator, dump truck, cargo truck,
truck tractor,
building, house, roof, mobile home, shed, garage, hangar, terminal, control tower, carport, canopy,
storage tank, small tank, silo, small silo, chimney, cooling tower, windmill, solar panel,
greenhouse, swimming pool, pool deck, tennis court, basketball court, volleyball court,
baseball diamond, baseball field, soccer ball field, football field, sports field,
ground track field, stadium, playground, bleachers, dugout, bench, slide, trampoline, tree, dock,
container crane, shipping container, dockside warehouse, jet bridge, helipad, sand bunker,
golf green, runway marking, runway number, runway letter, threshold bar, centreline dash,
yellow stripe, zebra crossing, crosswalk, lane marking, lane arrow, stop line, traffic island,
fountain, courtyard, baggage cart, cooling unit, skylight, roof vent, roundabout, cargo ship,
dry cargo ship, liquid cargo ship, engineering ship, fishing boat, passenger ship, tugboat, warship,
expressway toll station, expressway service area, substation, train station, dam, pond, lake,
parking space, parking lot, driveway, intersection, bridge, overpass, infield, empty berth,
B1-B bomber, a220, a321, a330, a350, arj21, boeing737, boeing747, boeing777, boeing787, c919
"""
STUFF = """
grass, trees, bushes, vegetation, green strip, bare land, farmland, water, sea, river, canal, beach,
wet sand, dry sand, sandbar, riverbank, wave, wake, road, freeway, path, airport runway,
taxiway, railway, paved road, unimproved road, bridge road, paved square, harbor, airport,
breakwater,
basin, rocks, median, median strip, ramp, fairway, golf field, edge line, industrial pipeline,
white smoke, shadow, seaweed line, upstream, downstream, lettering, apron, forest
"""
PARTS = """
wing, fuselage, horizontal stabilizer, airplane engine, tail, bow, stern, bow of ship,
stern of ship, cargo hold, service box, tennis net, net, football net, center circle, center line,
center service line, three-point line, no man's land of tennis court, pitcher's mound,
home plate area, infield grass, infield dirt, outfield, outfield grass, tank wall, tank roof,
cooling tower shell, cooling tower top opening, truck cab, roof half, crossing stripe, boat cover
"""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "airplane": ("plane", "aircraft", "aeroplane", "jet"),
    "airplane engine": ("engine",),
    "airport runway": ("runway", "landing strip"),
    "apron": ("tarmac apron",),
    "baseball diamond": ("ball diamond",),
    "beach": ("sandy beach", "sandy shore"),
    "bare land": ("bare ground", "bare soil"),
    "boat": ("vessel",),
    "bow": ("front end",),
    "bushes": ("shrubs",),
    "dock": ("jetty", "pier", "wharf"),
    "farmland": ("cropland", "arable land"),
    "fishing boat": ("vessel", "boat"),
    "forest": ("woodland", "wood"),
    "freeway": ("highway", "motorway"),
    "golf green": ("green", "putting green"),
    "grass": ("lawn", "turf"),
    "harbor": ("harbour", "marina"),
    "horizontal stabilizer": ("tailplane", "horizontal stabiliser"),
    "industrial pipeline": ("pipeline",),
    "intersection": ("junction", "crossroads"),
    "large vehicle": ("heavy vehicle",),
    "median strip": ("central reservation",),
    "mobile home": ("trailer home",),
    "motorboat": ("motor boat", "boat", "vessel"),
    "overpass": ("flyover",),
    "parking lot": ("car park",),
    "path": ("footpath", "track"),
    "plane": ("airplane", "aircraft", "aeroplane", "jet"),
    "playground": ("play area",),
    "pond": ("small lake",),
    "railway": ("railroad", "railway line"),
    "river": ("stream", "waterway"),
    "road": ("street",),
    "roundabout": ("traffic circle",),
    "sailboat": ("boat", "vessel", "sailing boat"),
    "sand bunker": ("sand trap", "bunker"),
    "sea": ("ocean",),
    "ship": ("boat", "vessel"),
    "small car": ("car",),
    "soccer ball field": ("football pitch", "soccer field"),
    "solar panel": ("photovoltaic panel",),
    "storage tank": ("tank",),
    "swimming pool": ("pool",),
    "taxiway": ("taxi lane",),
    "tennis court": ("court",),
    "basketball court": ("court",),
    "volleyball court": ("court",),
    "tree": ("tree",),
    "truck": ("lorry",),
    "zebra crossing": ("crosswalk", "pedestrian crossing"),
    "vegetation": ("greenery", "plant cover"),
    "windmill": ("wind turbine",),
}

WIDER: dict[str, tuple[str, ...]] = {
    "vehicle": (
        *("small car", "truck", "van", "bus", "taxi", "large vehicle", "small vehicle", "trailer"),
        *("tractor", "excavator", "dump truck", "cargo truck", "truck tractor"),
    ),
    "car": ("taxi", "van"),
    "large vehicle": ("truck", "bus", "cargo truck", "dump truck", "truck tractor", "trailer"),
    "truck": ("cargo truck", "dump truck", "truck tractor"),
    "boat": ("ship", "motorboat", "sailboat", "fishing boat", "tugboat", "passenger ship"),
    "vessel": ("warship", "tugboat", "cargo ship", "dry cargo ship", "passenger ship"),
    "ship": (
        *("cargo ship", "dry cargo ship", "liquid cargo ship", "engineering ship"),
        *("passenger ship", "warship", "tugboat", "fishing boat"),
    ),
    "airplane": (
        *("B1-B bomber", "a220", "a321", "a330", "a350", "arj21", "c919"),
        *("boeing737", "boeing747", "boeing777", "boeing787"),
    ),
    "building": (
        *("house", "mobile home", "shed", "garage", "hangar", "terminal", "control tower"),
        *("greenhouse", "dockside warehouse", "stadium", "train station"),
    ),
    "house": ("mobile home",),
    "storage tank": ("small tank", "silo", "small silo"),
    "road": ("freeway", "paved road", "unimproved road", "bridge road"),
    "bridge": ("bridge road",),
    "grass": ("green strip",),
    "water": ("sea", "river", "lake", "pond", "canal"),
    "river": ("canal",),
    "lake": ("pond",),
    "sports field": (
        *("tennis court", "basketball court", "volleyball court", "baseball diamond"),
        *("soccer ball field", "football field", "ground track field", "baseball field"),
    ),
    "runway marking": (
        *("runway number", "runway letter", "threshold bar", "centreline dash", "edge line"),
        "yellow stripe",
    ),
    "silo": ("small silo",),
}

# Beside these, the word's border is a matter of taste; nothing is asked by that word.
BLURRED: dict[str, frozenset[str]] = {
    "grass": frozenset(
        {"golf green", "fairway", "infield", "infield grass", "outfield grass", "outfield"}
    ),
    "beach": frozenset({"wet sand", "dry sand", "sandbar"}),
    "sea": frozenset({"wave", "water", "harbor"}),
    "water": frozenset({"swimming pool", "wave", "harbor", "basin"}),
    "path": frozenset({"driveway", "unimproved road"}),
    "road": frozenset({"driveway", "overpass", "bridge", "ramp", "freeway"}),
    "building": frozenset({"roof", "canopy", "carport"}),
    "house": frozenset({"roof"}),
    "roof": frozenset({"house", "building", "mobile home"}),
    "tree": frozenset({"trees", "forest"}),
    "trees": frozenset({"tree", "forest", "bushes"}),
    "bushes": frozenset({"trees", "tree", "forest"}),
    "baseball field": frozenset({"baseball diamond", "infield"}),
    "baseball diamond": frozenset({"baseball field", "infield"}),
    "runway marking": frozenset({"runway number", "threshold bar", "centreline dash"}),
    "ship": frozenset({"motorboat", "sailboat", "boat"}),
    "bridge": frozenset({"overpass"}),
    "overpass": frozenset({"bridge"}),
    "bare land": frozenset({"beach", "farmland"}),
    "truck": frozenset({"large vehicle", "trailer", "van"}),
    "small car": frozenset({"vehicle", "small vehicle", "taxi", "van"}),
}

# Words whose form does not change, and crowds that are plural already.
MASS = frozenset(
    {"grass", "turf", "bare land", "bare ground", "bare soil", "farmland", "cropland"}
    | {"arable land", "water"}
    | {"wet sand", "dry sand", "infield grass", "infield dirt", "outfield grass", "white smoke"}
    | {"upstream", "downstream", "lettering", "aircraft", "woodland", "crossroads"}
    | {"no man's land of tennis court"}
)
CROWDS = frozenset({"trees", "bushes", "shrubs", "rocks", "bleachers"})
_UNCOUNTED = MASS - {"aircraft", "crossroads"}
# Singulars that end like plurals; their plural is the same word.
_SAME = frozenset(
    {"series", "species", "headquarters", "barracks", "works", "gasworks", "waterworks", "stairs"}
    | {"gas", "lens", "canvas", "sheep", "means", "premises", "bleachers", "goods", "remains"}
)
# A phrase with one of these is a description, and its last word not the noun.
_LINKS = frozenset(
    {"of", "on", "in", "at", "by", "to", "near", "with", "from", "for", "the", "and", "or", "along"}
    | {"under", "over", "between", "behind", "beside", "that", "which", "around"}
)
_ODD_PLURALS = {
    "bow of ship": "bows of ships",
    "stern of ship": "sterns of ships",
    "home plate area": "home plate areas",
    "roof half": "roof halves",
}


def _names(table: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in table.replace("\n", " ").split(",") if name.strip())


KINDS: dict[str, Kind] = {
    **dict.fromkeys(_names(THINGS), "thing"),
    **dict.fromkeys(_names(STUFF), "stuff"),
    **dict.fromkeys(_names(PARTS), "part"),
}


def kind_of(category: str) -> Kind:
    """Tell whether a category is a thing, stuff or a part; an unknown one is a thing."""
    return KINDS.get(category, "thing")


def countable(noun: str) -> bool:
    """Tell whether the noun can follow a number: "two airplanes", but not "two grass"."""
    return noun not in _UNCOUNTED and noun not in CROWDS


def is_plural(noun: str) -> bool:
    """Tell whether a bare category noun takes "are": crowds such as "trees" do."""
    return noun in CROWDS


@cache
def plural(noun: str) -> str:
    """Form the plural of a singular noun."""
    if noun in MASS or noun in CROWDS or noun.split(" ")[-1] in _SAME:
        return noun
    if noun in _ODD_PLURALS:
        return _ODD_PLURALS[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


@cache
def article(noun: str) -> str:
    """Return "a" or "an", as the noun's first letter asks for."""
    return "an" if noun[0].lower() in "aeio" else "a"


@cache
def covers(word: str) -> frozenset[str]:
    """Name the categories that a word reaches, the word itself included."""
    named = {name for name, words in SYNONYMS.items() if word in words}
    reached = {word, *named}
    for name in (word, *named):
        # A synonym means the same as its category and so reaches as far.
        reached.update(WIDER.get(name, ()))
    return frozenset(reached)


@cache
def wider_words(category: str) -> tuple[str, ...]:
    """List the words that cover this category and others besides."""
    own = {category, *SYNONYMS.get(category, ())}
    return tuple(sorted(word for word in WIDER if word not in own and category in WIDER[word]))


@cache
def _singulars() -> dict[str, str]:
    known = [*KINDS, *(word for words in SYNONYMS.values() for word in words)]
    # A plural that is a category of its own ("trees") keeps its name.
    return {plural(noun): noun for noun in known if plural(noun) not in KINDS}


def singular(phrase: str) -> str:
    """Return the category noun of an answer's phrase: "vehicles" is "vehicle".

    Crowds ("bushes") stay as they are, and so do descriptions ("the ships near the docks"). Of
    other words that are not in the vocabulary the last one loses its ending: "oil tanks" is
    "oil tank", "churches" is "church".
    """
    phrase = phrase.strip()
    if phrase in KINDS:
        return phrase
    if phrase in _singulars():
        return _singulars()[phrase]
    first, _, last = phrase.rpartition(" ")
    if last in CROWDS or last in MASS or _LINKS & set(phrase.split(" ")):
        return phrase
    return f"{first} {_singulars().get(last) or _without_ending(last)}".lstrip()


def _without_ending(word: str) -> str:
    """Take a plural's ending off a word that the vocabulary does not know."""
    if word in _SAME or word in KINDS or len(word) < 4 or word.endswith(("ss", "us", "is", "as")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return word.removesuffix("s")


def head_noun(phrase: str) -> str:
    """Return the noun that an expression is about: "red cars on the road" is about a "car".

    The longest name of this vocabulary at the end of what stands before the first link
    ("on", "of", "with" …), in the singular; an expression without one stays whole.
    """
    words = [word for word in phrase.lower().split() if word not in ("a", "an", "the")]
    ends = [index for index, word in enumerate(words) if word in _LINKS]
    words = words[: ends[0]] if ends and ends[0] else words
    for start in range(len(words)):
        noun = singular(" ".join(words[start:]))
        if noun in KINDS or noun in _singulars().values():
            return noun
    return singular(" ".join(words))
