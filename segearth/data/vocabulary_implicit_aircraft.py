"""Ways to ask for one type of airplane without naming it.

The facts are the makers' own: country, number of aisles and engines, year of first flight,
engine choice. The form is explained in `segearth.data.vocabulary_implicit`. Types look alike
from above, so each is a rival of all others there.
"""

from __future__ import annotations

AIRCRAFT: dict[str, tuple[str, ...]] = {
    "B1-B bomber": (
        "dark swept-wing jet|that could carry bombs over thousands of kilometres",
        "military jet|that may sweep its wings back for a low fast dash",
        "four-engined warplane|that the United States Air Force might send out",
        "Which machine was built to drop weapons deep inside hostile territory?",
        "Which American warplane can change the sweep of its wings in flight?",
        "An arms control inspector counts long-range strike jets; what would she count here?",
    ),
    "a220": (
        "small single-aisle jet|that could have begun its life as the Bombardier CSeries",
        "small airliner|that may seat passengers two on one side and three on the other",
        "short-haul jet|that could be driven by two geared turbofans of type PW1500G",
        "Which small airliner was designed in Canada and is now sold by a European maker?",
        "Which jet has rows of two seats on one side of its only aisle and three on the other?",
        "A mechanic brings spare parts for a PW1500G engine; which aircraft is she looking for?",
    ),
    "a321": (
        "long single-aisle jet|that a European maker may have stretched for more seats",
        "narrow airliner|that could be the longest member of Europe's single-aisle family",
        "stretched jet|that may seat about two hundred on one aisle",
        "Which European single-aisle jet was stretched to take about two hundred people?",
        "Which is the longest member of the European narrow-body family of the 1980s?",
        "A crew is trained on Europe's short-haul family and flies its longest type; which one?",
    ),
    "a330": (
        "twin-aisle European jet|that could have first flown in 1992",
        "wide airliner with two engines|that may share its wing with a four-engined sister",
        "twin-aisle jet|that could also serve as Europe's aerial tanker",
        "Which twin-aisle European jet first flew in 1992?",
        "Which wide-body has two engines and shares its wing with a four-engined sister type?",
        "Which civil type is also converted into a tanker that refuels fighters in the air?",
    ),
    "a350": (
        "twin-aisle European jet|that could be made mostly of carbon fibre",
        "long-range jet|that may be known by the dark mask around its cockpit windows",
        "wide airliner|that could be driven by two Trent XWB engines",
        "Which twin-aisle jet of a European maker is built mostly of carbon fibre?",
        "Which airliner wears a dark mask around its cockpit windows?",
        "A load of Trent XWB engines has arrived; which aircraft are they made for?",
    ),
    "arj21": (
        "regional jet|that could have been the first jetliner built in series in China",
        "small jet with engines at the tail|that may seat about ninety people",
        "Chinese regional jet|that could serve short hops between provinces",
        "Which regional jet with engines at its tail was developed in China?",
        "Which small Chinese jet seats about ninety people?",
        "A short hop between two Chinese provinces is planned; which small jet was made for it?",
    ),
    "boeing737": (
        "single-aisle American jet|that could have been in production since the 1960s",
        "short-haul jet|that may sit so low that its engine pods are flattened below",
        "narrow airliner|that a low-cost carrier from Texas could fly exclusively",
        "Which American single-aisle jet has been built in thousands since the 1960s?",
        "Which short-haul jet from Seattle sits so low that its engine pods are flattened below?",
        "A low-cost carrier wants to keep to the American single-aisle classic; mark its fleet.",
    ),
    "boeing747": (
        "four-engined jet with a hump|that could be called the queen of the skies",
        "giant jet|that may have its cockpit on an upper deck",
        "four-engined freighter|that could be loaded through its nose",
        "Which giant has a hump behind the cockpit and four engines?",
        "Which jet is known as the queen of the skies?",
        "A load too long for any side door has to fly; which giant could open its nose for it?",
    ),
    "boeing777": (
        "big American twin-engined jet|that could carry the GE90, a record-breaking turbofan",
        "twin-aisle jet|that may stand on main gears of six wheels each",
        "long-range jet|that could be the largest twin ever built in America",
        "Which American wide-body stands on two main gears of six wheels each?",
        "Which jet carries the GE90, for years the most powerful turbofan of all?",
        "An engine as wide as a small cabin is delivered; which big American twin needs it?",
    ),
    "boeing787": (
        "American jet of carbon fibre|that may have raked wing tips",
        "twin-aisle jet|whose windows might be dimmed at the press of a button",
        "long-range jet|that may have saw-toothed edges at the back of its engines",
        "Which American airliner bends its wings up the farthest in flight?",
        "In which jet could a passenger dim the window at the press of a button?",
        "Which American jet was the first airliner made mainly of carbon fibre?",
    ),
    "c919": (
        "single-aisle jet|that could be China's answer to the European and American classics",
        "Chinese narrow airliner|that may have first flown in 2017",
        "jet|that could be driven by two LEAP-1C engines",
        "Which Chinese single-aisle jet first flew in 2017?",
        "Which airliner did China develop to compete with the two big western makers?",
        "A technician is looking for LEAP-1C engines; under the wings of which jet are they?",
    ),
}
