"""Words that give a category away beyond its synonyms: only implicit questions must avoid them.

`segearth.data.vocabulary.SYNONYMS` may stand in for a category anywhere, so it holds nothing
that is a little wider, narrower or old-fashioned. Here such words count too: a question that
says "automobile" needs no reasoning to find the small cars. A wider word counts where people
use it for the category itself, not where telling the kinds apart is the task ("aircraft" for a
Boeing 737), and no word that our own descriptions use ("dwelling" for a house).
"""

from __future__ import annotations

import re
from functools import cache

from segearth.data.vocabulary import plural, singular

_TABLE = """
airplane, plane: airliner, jetliner
airport: airfield, aerodrome
airport runway: airstrip
bare land: bare earth, barren land, barren ground, exposed soil, open soil
basketball court: basketball
baseball diamond, baseball field: baseball diamond, baseball field, ballpark, ball field
beach: seashore, sand beach, sands
bleachers: grandstand, spectator stand, tribune
boeing737: 737, b737
boeing747: 747, b747
boeing777: 777, b777
boeing787: 787, b787, dreamliner
bow of ship: bow, prow
bridge: viaduct, footbridge
bridge road: bridge, bridge deck
building: edifice, apartment block, high-rise
bus: omnibus, minibus
bushes: bush, shrub, shrubbery, thicket, undergrowth
canal: waterway, watercourse
cargo truck, dump truck, truck tractor: truck, lorry
center circle: centre circle, central circle
center line: centre line, halfway line, midline
center service line: centre service line, service line
chimney: smokestack, smoke stack, flue
container crane: crane
dam: barrage, weir
dockside warehouse: warehouse, storehouse
dry cargo ship: cargo ship, bulk carrier
dump truck: tipper, dumper
excavator: digger, backhoe
expressway service area: service area, rest area, rest stop, service station
expressway toll station: toll station, toll plaza, toll booth, toll gate
farmland: farm field, agricultural land, agricultural field, cultivated land, crop field
fishing boat: trawler, fishing vessel
football field: football pitch, football ground, gridiron
football net, tennis net: net
freeway: expressway
golf field: golf course, golf links
grass: grassland, meadow
green strip: verge, grass strip, greenbelt
greenhouse: glasshouse, hothouse, polytunnel
ground track field: running track, athletics track, athletic track, track and field
harbor: seaport, harborage, docks
helicopter: chopper, rotorcraft
helipad: heliport, helicopter pad, helideck, landing pad
house: residence, cottage, villa
industrial pipeline: pipe, conduit
intersection: crossroad, road crossing
jet bridge: jetway, boarding bridge, passenger bridge, aerobridge, airbridge, air bridge
lake: pond, lagoon
large vehicle: vehicle, truck, lorry, bus
liquid cargo ship: tanker, cargo ship
mobile home: caravan
motorboat: speedboat, powerboat
no man's land of tennis court: no man's land
overpass: viaduct, elevated road
parking lot: parking, carpark, parking area, parking space
passenger ship: ferry, cruise ship, ocean liner
path: trail, pathway, walkway, footway, sidewalk
paved road: road, roadway, carriageway, street
paved square: town square, public square, plaza, piazza
pond: lake
railway: rail line, train line, train track, rail track
river: creek, watercourse
riverbank: river bank, bank of the river
road: roadway, carriageway, avenue
roundabout: rotary
sea: seawater
shipping container: container
small car: vehicle, automobile, auto, motorcar, motor car, sedan
small vehicle: vehicle, car, automobile, auto
soccer ball field: football field, football ground, soccer pitch, soccer ground
solar panel: solar module, solar array, solar cell, photovoltaic, photovoltaics
sports field: playing field, sports ground, sports pitch, athletic field
stern of ship: stern
storage tank: cistern
substation: transformer station, switchyard
swimming pool: swimming bath, lido
three-point line: three-point arc, 3-point line
train station: railway station, rail station, railroad station, station
truck: heavy goods vehicle
truck tractor: semi-truck, tractor unit
trailer: semi-trailer, semitrailer
tugboat: tug, towboat, tug boat
unimproved road: road, dirt track, gravel track
van: minivan
vehicle: car, automobile, auto, motorcar
volleyball court: volleyball
warship: naval ship, naval vessel, battleship, frigate, destroyer
water: waters
white smoke: smoke, vapour, vapor, steam
windmill: wind generator, turbine
zebra crossing: zebra
"""


def _read(table: str) -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    for line in table.strip().splitlines():
        categories, given = (part.split(", ") for part in line.split(": "))
        for category in categories:
            words[category] = (*words.get(category, ()), *given)
    return words


ALSO: dict[str, tuple[str, ...]] = _read(_TABLE)
"""Category to singular nouns."""


def gives_away(text: str, category: str) -> str | None:
    """Return the first word of a text that gives a category away, or None.

    Args:
        text: Hyphens count as spaces; so "Boeing 737" gives "boeing737" away, and "storagetank"
            the storage tank.
        category: A singular noun; one without an entry is given away by itself alone.
    """
    words = (category, *ALSO.get(singular(category), ()))
    found = _pattern(words).search(_spaced(text))
    if found:
        return found.group()
    own = _run_together(category)
    return category if len(own) >= _LONG and own in _run_together(text) else None


_LONG = 8  # letters of a name that hardly stand side by side in other words


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    forms = sorted({_spaced(form) for word in words for form in (word, plural(word))}, key=len)
    longest_first = "|".join(map(re.escape, reversed(forms)))
    return re.compile(rf"\b(?:{longest_first})\b", re.IGNORECASE)


def _spaced(text: str) -> str:
    return text.replace("-", " ").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def _run_together(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
