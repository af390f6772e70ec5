"""Figure 5's left panel on a model that is there: seconds and FLOPs for every k, both decodings.

    python tests/benchmarks/query_sweep.py [MODEL] [FIGURE]

Not a test: it measures this machine. MODEL is `mini` unless said otherwise; with another k its
new query tokens are untrained, which takes as long. Prints one JSON object, and draws FIGURE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from segearth.errors import SegEarthError
from segearth.profiling.figure5 import check_plot, draw_figure_5
from segearth.profiling.report import FIGURE_5, loaded_subject, profile_rows, report

QUERIES = [100, 75, 50, 25, 10, 3, 1]
RUNS = 5


def main(model: str = "mini", figure: str | None = None) -> int:
    """Measure, print, draw."""
    try:
        if figure is not None:
            check_plot(Path(figure))
        subject = loaded_subject(model, device="cpu", dtype="auto")
        rows = list(profile_rows(subject, QUERIES, ["joint", "per-query"], runs=RUNS))
        result = report(subject, rows)
        one = rows[-2]["latency_s"]["median"]  # k = 1, jointly
        result["times_one_query"] = {
            f"{row['k']}, {row['decode']}": row["latency_s"]["median"] / one for row in rows
        }
        if figure is not None:
            draw_figure_5(Path(figure), result, FIGURE_5)
    except SegEarthError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
