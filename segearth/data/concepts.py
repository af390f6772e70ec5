"""Which names LaSeRS calls parts of something, and which fine-grained concepts (paper, Table 7)."""

from __future__ import annotations

PARTS = frozenset(
    {
        "airplane engine", "bleachers", "bow of ship", "cargo hold", "center circle",
        "center line", "center service line", "cooling tower shell",
        "cooling tower top opening", "downstream", "football net", "fuselage",
        "horizontal stabilizer", "industrial pipeline", "net", "no man's land of tennis court",
        "riverbank", "service box", "shipping container", "stern of ship", "tennis net",
        "three-point line", "upstream", "wake", "wing", "zebra crossing",
    }
)  # fmt: skip

FINE_GRAINED = frozenset(
    {
        "b1-b bomber", "a220", "a321", "a330", "a350", "arj21", "boeing737", "boeing747",
        "boeing777", "boeing787", "bus", "c919", "cargo truck", "container crane",
        "dry cargo ship", "dockside warehouse", "dump truck", "driveway", "engineering ship",
        "excavator", "fishing boat", "hangar", "liquid cargo ship", "motorboat",
        "passenger ship", "tractor", "trailer", "truck tractor", "tugboat", "van", "warship",
    }
)  # fmt: skip
"""In lower case."""
