"""What a picture costs: multiply-adds by part, seconds, bytes; the paper's Figure 5.

From Python, for a configuration of one's own:

    recipe = load_recipe(Path("my.yaml")).model
    ask = Workload(text_tokens=61, answer_tokens=20, protocol="teacher-forced")
    closed_form(recipe, ask, 1, "joint")                  # formulas: the paper's family
    list(sweep(recipe, ask, [100, 1], ["joint"], vocabulary=lambda k: 50_295 + k))  # counted
    measure(Segmenter.load("mini"), decode="joint", runs=5)                         # timed

The formulas of single parts, each with its source, are in `segearth.profiling.arithmetic`.
"""

from segearth.profiling.closed_form import closed_form
from segearth.profiling.cost import sweep
from segearth.profiling.latency import measure
from segearth.profiling.roofline import measure_ceiling, place
from segearth.profiling.workload import Workload

__all__ = ["Workload", "closed_form", "measure", "measure_ceiling", "place", "sweep"]
