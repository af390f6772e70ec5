"""Choose a part of a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segearth.data.manifest import FACETS, Record
from segearth.errors import UsageError


def select_records(
    records: Sequence[Record],
    *,
    facets: Mapping[str, str] | None = None,
    source: str | None = None,
    limit: int | None = None,
) -> list[Record]:
    """Keep the records that fit all conditions.

    Args:
        records: All records.
        facets: Values that the facets must have.
        source: Text that the record's `source` must hold, in upper or lower case.
        limit: How many to keep of those, from the first.

    Raises:
        UsageError: No record is left.
    """
    wanted = dict(facets or {})
    kept = [
        record
        for record in records
        if all(record.facets.get(name) == value for name, value in wanted.items())
        and (source is None or source.casefold() in (record.source or "").casefold())
    ][:limit]
    if not kept:
        raise UsageError(
            f"none of {len(records)} records is left to evaluate",
            where="--facet, --source",
            hint="loosen the conditions",
        )
    return kept


def parse_facets(texts: Sequence[str]) -> dict[str, str]:
    """Read options of the form ``name=value``.

    Raises:
        UsageError: A name or value does not exist.
    """
    facets = {}
    for text in texts:
        name, _, value = text.partition("=")
        if value not in FACETS.get(name, ()):
            known = ", ".join(FACETS.get(name, FACETS))
            raise UsageError(
                f"'{text}' is no facet of a record",
                where="--facet",
                hint=f"write name=value; {name if name in FACETS else 'a name'} can be {known}",
            )
        facets[name] = value
    return facets
