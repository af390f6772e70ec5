"""Ways to ask for parts of vessels, towers and sports grounds without naming them.

The form is explained in `segearth.data.vocabulary_implicit`.
"""

from __future__ import annotations

PARTS_IMPLICIT: dict[str, tuple[str, ...]] = {
    "bow of ship": (
        "pointed front|that could cut through the waves",
        "front end|that may carry the anchor",
        "front end|that could be the first to touch an iceberg",
        "Which end of the hull meets the waves first?",
        "From which end would a sailor on lookout see an obstacle ahead first?",
        "Where is the anchor let down?",
    ),
    "stern of ship": (
        "rear end|that could hide the propeller below the waterline",
        "rear end|that may fly the ensign",
        "rear end|from which a towline could be paid out",
        "At which end are the rudder and the propeller?",
        "Where does the hull leave its foam behind?",
        "Where would the ensign be flown?",
    ),
    "cargo hold": (
        "deep space below the deck|that could be filled with grain",
        "deep space under the hatches|that may be loaded by a grab",
        "large inner space|that could be swept after the coal is out",
        "Where does the grain go when the hatches are open?",
        "Which space below deck earns the owner the freight?",
        "Where would a grab be lowered to unload coal?",
    ),
    "cooling tower shell": (
        "curved concrete wall|that could guide rising vapour",
        "thin curved wall|that may be as tall as a high-rise",
        "curved concrete wall|that climbers could inspect for cracks",
        "Which curved wall makes the warm air rise by itself?",
        "Inspectors look for cracks in the thin concrete; what do they climb?",
        "Which outer wall narrows towards its waist and widens again?",
    ),
    "cooling tower top opening": (
        "round mouth|that could let vapour escape",
        "round hole high up|that may give off a white plume",
        "round mouth|that rain could fall into from above",
        "Through which mouth does the vapour leave?",
        "A bird flies over the plant and looks straight down into it; into what?",
        "Where does the humid air come out into the sky?",
    ),
    "center circle": (
        "painted ring|that could be kept free until the ball is in play",
        "ring|that opponents may not enter during the kick-off",
        "painted ring|where a match could begin",
        "Where does a match begin?",
        "Which painted ring must the opponents stay out of at kick-off?",
        "Where would the jump ball or the kick-off take place?",
    ),
    "center line": (
        "painted stripe|that could cut the ground into two halves",
        "stripe|that may separate the two teams at kick-off",
        "painted stripe|that players could cross to attack",
        "What separates the two halves?",
        "Which stripe do the players cross to attack?",
        "What must neither team have crossed before the kick-off?",
    ),
    "center service line": (
        "painted stripe|that could divide the two areas where a serve lands",
        "painted stripe|that may make a serve count as out by a finger's width",
        "painted stripe|that could run from the mesh towards the baseline in the middle",
        "Which stripe tells the left target of a serve from the right one?",
        "A serve lands on the wrong side of the middle; which stripe shows it?",
        "Which stripe runs at right angles to the mesh between two equal rectangles?",
    ),
    "no man's land of tennis court": (
        "zone before the baseline|that a player could be caught in",
        "zone|that coaches may tell a player to leave at once",
        "zone behind the serve line|where a ball could bounce at the player's feet",
        "In which zone is a player too far away to volley and too near for a groundstroke?",
        "Which zone do coaches tell a player to leave as soon as possible?",
        "Between the serve line and the baseline lies a zone that is bad to stand in; where?",
    ),
    "net": (
        "mesh|that could stop the ball in the middle",
        "low mesh|that players may have to play over",
        "mesh|that could keep the two sides apart",
        "What has the ball to fly over?",
        "What keeps the two sides apart without being a wall?",
        "What would a caretaker take down before winter and roll up?",
    ),
    "football net": (
        "mesh behind the posts|that could catch a shot",
        "mesh|that may bulge when somebody scores",
        "mesh|that could spare the players a long walk after a hit",
        "What bulges when a striker scores?",
        "What catches the ball behind the posts?",
        "What shows to everybody in the stands that the keeper was beaten?",
    ),
    "three-point line": (
        "painted arc|that could make a long shot count more",
        "painted arc|that a shooter may stand behind",
        "wide painted arc|that a defender could guard against long shots",
        "Behind which arc does a throw count more?",
        "The team is two behind with a second to go; behind which arc should it shoot?",
        "What would have been moved further out to make long throws harder?",
    ),
}
