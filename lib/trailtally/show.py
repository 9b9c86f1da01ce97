"""The tables of an output folder -> what a person wants to know, as text: launches, busiest calls, days, problems."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.dataset as ds

from trailtally import publish, storage
from trailtally.errors import UsageError
from trailtally.launch import DRY_RUN
from trailtally.tables import coverage, event_counts, launches, ledger
from trailtally.tables.columns import Table


def show_tables(output: str, rows: int) -> str:
    """The text for this output folder, at most `rows` rows a list. UsageError where it holds no table."""
    folder = storage.location(output)
    if not publish.days_of(ledger.TABLE, folder):
        raise UsageError(f"{output}: no trailtally table in it. Give the --output of a run of jobs/daily_aggregates.py")
    sections = (
        ("RunInstances calls, by eventTime", _launches(folder)),
        ("Busiest API calls", _busiest(folder)),
        ("Days", _days(folder)),
        ("Not read whole", _problems(folder)),
    )
    return "\n\n".join(_section(title, table, rows) for title, table in sections)


def _launches(folder: str) -> pa.Table:
    found = _read(launches.TABLE, folder).sort_by([("event_time", "ascending"), ("event_id", "ascending")])
    return pa.table(
        {
            "when (UTC)": [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in found["event_time"].to_pylist()],
            "account": found["account_id"],
            "region": found["region"],
            "who": found["actor"],
            "from": found["source_ip"],
            "client": [(agent or "")[:24] for agent in found["user_agent"].to_pylist()],
            "instances": found["instance_count"],
            "outcome": [_outcome(call) for call in found.select(["error_code", "lifecycle"]).to_pylist()],
        }
    )


def _outcome(call: dict[str, str | None]) -> str:
    if call["error_code"] is None:
        return f"launched, {call['lifecycle']}" if call["lifecycle"] else "launched"
    return "dry run" if call["error_code"] == DRY_RUN else f"failed: {call['error_code']}"


def _busiest(folder: str) -> pa.Table:
    counts = _read(event_counts.TABLE, folder)
    calls = counts.group_by(["event_source", "event_name"]).aggregate([("event_count", "sum"), ("actor", "count_distinct")])
    calls = calls.rename_columns(["service", "API", "events", "actors"])
    return calls.sort_by([("events", "descending"), ("service", "ascending"), ("API", "ascending")])


def _days(folder: str) -> pa.Table:
    totals = ("files", "records", "duplicates", "events")
    days = _read(coverage.TABLE, folder).group_by("dt").aggregate([(name, "sum") for name in totals])
    return days.rename_columns(["day", *totals]).sort_by("day")


def _problems(folder: str) -> pa.Table:
    objects = _read(ledger.TABLE, folder)
    whole = [
        status in (ledger.READ, ledger.IGNORED) and not rejected
        for status, rejected in zip(objects["status"].to_pylist(), objects["rejected_records"].to_pylist(), strict=True)
    ]
    found = objects.filter(pa.array([not is_whole for is_whole in whole], pa.bool_()))
    return found.select(["status", "reason", "file_key"]).sort_by("file_key")


def _read(table: Table, folder: str) -> pa.Table:
    """The whole table, its partition column included."""
    name = table.partition.name
    schema = pa.schema([*table.schema, pa.field(name, pa.string())])
    paths = [publish.object_path(folder, table, day) for day in publish.days_of(table, folder)]
    layout = ds.partitioning(pa.schema([(name, pa.string())]), flavor="hive")
    found = ds.dataset(paths, schema=schema, format="parquet", partitioning=layout) if paths else None
    return found.to_table() if found else schema.empty_table()


def _section(title: str, table: pa.Table, rows: int) -> str:
    if not table.num_rows:
        return f"{title}\n  none"
    cells = [
        table.column_names,
        *zip(*(map(_cell, column.to_pylist()[:rows]) for column in table.columns), strict=True),
    ]
    numeric = [pa.types.is_integer(column.type) for column in table.columns]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths, numeric) for row in cells]
    more = [f"  and {table.num_rows - rows:,} more (--rows)"] if table.num_rows > rows else []
    return "\n".join([title, *lines, *more])


def _line(cells: Iterable[str], widths: list[int], numeric: list[bool]) -> str:
    aligned = (c.rjust(w) if right else c.ljust(w) for c, w, right in zip(cells, widths, numeric, strict=True))
    return "  " + "  ".join(aligned).rstrip()


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
