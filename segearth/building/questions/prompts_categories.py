"""The 122 categories of LaSeRS, in the order of the paper's Table 7.

Unnamed masks are given one of these (Fig. 8); a list of one's own may be used instead.
"""

from __future__ import annotations

_GENERAL = """
airplane, airport, airport runway, bare land, baseball diamond, baseball field, basketball
court, beach, bridge, bridge road, building, bushes, canal, chimney, cooling tower, dam,
expressway service area, expressway toll station, farmland, football field, golf field,
grass, green strip, greenhouse, ground track field, harbor, helicopter, helipad,
intersection, jet bridge, lake, large vehicle, overpass, parking lot, path, paved road,
paved square, plane, playground, railway, river, road, roundabout, sea, ship, slide, small
car, small vehicle, soccer ball field, solar panel, sports field, stadium, storage tank,
substation, swimming pool, tennis court, terminal, train station, tree, unimproved road,
vehicle, volleyball court, water, white smoke, windmill
"""
_FINE = """
B1-B bomber, a220, a321, a330, a350, arj21, boeing737, boeing747, boeing777, boeing787,
bus, c919, cargo truck, container crane, dry cargo ship, dockside warehouse, dump truck,
driveway, engineering ship, excavator, fishing boat, hangar, liquid cargo ship, motorboat,
passenger ship, tractor, trailer, truck tractor, tugboat, van, warship
"""
_PARTS = """
airplane engine, bleachers, bow of ship, cargo hold, center circle, center line, center
service line, cooling tower shell, cooling tower top opening, downstream, football net,
fuselage, horizontal stabilizer, industrial pipeline, net, no man's land of tennis court,
riverbank, service box, shipping container, stern of ship, tennis net, three-point line,
upstream, wake, wing, zebra crossing
"""

LASERS_CATEGORIES: tuple[str, ...] = tuple(
    name.strip() for name in ", ".join((_GENERAL, _FINE, _PARTS)).replace("\n", " ").split(",")
)
