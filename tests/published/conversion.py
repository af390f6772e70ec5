"""Converts, and checks what every conversion has to keep to."""

from __future__ import annotations

import json

from segearth.data.check import check_manifest
from segearth.data.manifest import read_manifest
from segearth.published.catalogue import BENCHMARKS
from segearth.published.convert import convert
from segearth.published.readers import Choices, assumed_facets, find_splits


def converted(name, root, out, *, overwrite=False, keep_duplicates=False, **choices):
    """Convert, check what was written, and return the report and the records by split."""
    report = convert(
        BENCHMARKS[name],
        root,
        find_splits(name, root, Choices(**choices)),
        out,
        assumed=assumed_facets(name),
        keep_duplicates=keep_duplicates,
        overwrite=overwrite,
    )
    records = {}
    for split, counts in report.splits.items():
        path = out / f"{split}.jsonl"
        records[split] = read_manifest(path) if path.exists() else []
        mistakes = check_manifest(path).mistakes if path.exists() else []
        assert [mistake.kind for mistake in mistakes] == ["duplicate record"] * counts.duplicates
        assert path.exists() == bool(counts.records)
    assert json.loads((out / "report.json").read_text(encoding="utf-8")) == report.to_json()
    lines = listed(out)
    for left_out, findings in ((True, report.left_out), (False, report.noted)):
        names = [line["kind"] for line in lines if line["left_out"] is left_out]
        assert {name: names.count(name) for name in names} == kinds(findings)
    return report, records


def listed(out):
    """The lines of left_out.jsonl."""
    text = (out / "left_out.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def kinds(findings):
    return {kind: found.count for kind, found in findings.items()}
