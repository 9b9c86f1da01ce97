"""A table's day -> one Parquet object, written in a Spark task; the manifest of what was written; the sums."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from trailtally import __version__, storage
from trailtally.errors import SumsDoNotClose, TaskFailed
from trailtally.published import object_path
from trailtally.storage.tasks import in_task
from trailtally.tables.columns import COUNT, Table
from trailtally.tally import Sums

# Rows of a row group; a day of most trees has fewer. Athena wants them large, a task's memory wants them below 100 MB.
_ROW_GROUP = 250_000

_MANIFEST = "day string, rows long, bytes long, sums string"
_MANIFEST_ARROW = pa.schema([("day", pa.string()), ("rows", COUNT), ("bytes", COUNT), ("sums", pa.string())])
_REPORT = "This is a fault of trailtally: please report it with the output of --debug"


class Written(NamedTuple):
    """One object of the manifest: its day (of eventTime, or of delivery for the ledger), and the sum of each count column."""

    day: str
    rows: int
    bytes: int
    sums: dict[str, int]


def footer(table: Table) -> pa.Schema:
    """The Parquet schema of a table, with the versions that wrote it."""
    return table.schema.with_metadata(
        {
            "trailtally.table": table.name,
            "trailtally.table_version": str(table.version),
            "trailtally.version": __version__,
        }
    )


def write_table(table: Table, rows: DataFrame, output: str) -> list[Written]:
    """Writes every day of `rows` (the partition column and the table's), each as one object with its rows in one order."""
    order = [table.partition.name, *table.key, *(name for name in table.names if name not in table.key)]
    days = rows.repartition(table.partition.name).sortWithinPartitions(*order)
    manifest = days.mapInArrow(in_task(partial(_write_task, table=table, output=output)), _MANIFEST).collect()
    return sorted(Written(row["day"], row["rows"], row["bytes"], json.loads(row["sums"])) for row in manifest)


def _write_task(batches: Iterable[pa.RecordBatch], *, table: Table, output: str) -> Iterator[pa.RecordBatch]:
    written = []
    try:
        for day, pieces in groupby(_by_day(batches, table.partition.name), key=itemgetter(0)):
            with storage.replacing(object_path(output, table, day)) as draft:
                written.append(_write_day(table, day, (rows for _, rows in pieces), draft))
    except OSError as error:
        raise TaskFailed(f"cannot write the table {table.name} under {output}: {storage.words(error)}") from error
    yield pa.RecordBatch.from_pylist([{**w._asdict(), "sums": json.dumps(w.sums)} for w in written], _MANIFEST_ARROW)


def _by_day(batches: Iterable[pa.RecordBatch], partition: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The batches cut where the day changes; their rows come sorted by it."""
    for batch in batches:
        runs = pc.run_end_encode(batch[partition])
        start = 0
        for day, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield day, batch.slice(start, end - start)
            start = end


def _write_day(table: Table, day: str, pieces: Iterator[pa.RecordBatch], path: str) -> Written:
    schema = footer(table)
    counts = [column.name for column in table.columns if column.type == COUNT]
    rows, sums = 0, dict.fromkeys(counts, 0)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _row_groups(pieces, table):
            writer.write_table(group.cast(schema), row_group_size=_ROW_GROUP)
            rows += group.num_rows
            for name in counts:
                sums[name] += pc.sum(group[name]).as_py() or 0
    return Written(day, rows, Path(path).stat().st_size, sums)


def _row_groups(pieces: Iterator[pa.RecordBatch], table: Table) -> Iterator[pa.Table]:
    """Tables of _ROW_GROUP rows, so that a day's bytes do not depend on how Spark cut its batches."""
    pending: list[pa.RecordBatch] = []
    for piece in pieces:
        pending.append(piece.select(table.names))
        whole = pa.Table.from_batches(pending)
        while whole.num_rows >= _ROW_GROUP:
            yield whole.slice(0, _ROW_GROUP)
            whole = whole.slice(_ROW_GROUP)
            pending = whole.to_batches()
    if pending:
        yield pa.Table.from_batches(pending)


def check_sums(manifest: dict[str, list[Written]], records_read: dict[str, int], counted: dict[str, Sums]) -> None:
    """Raises SumsDoNotClose unless the written tables agree with each other and with the file status rows, every day.

    `records_read` has, by day, the records that the status rows of the read files count, `counted` what the count made of them.
    A day that is not in the former was not counted anew: what came too late for it was written, in `sources` and `coverage`.
    """
    written = {name: {object.day: object for object in objects} for name, objects in manifest.items()}
    for name, objects in manifest.items():
        if len(written[name]) != len(objects):
            raise SumsDoNotClose(f"a day of {name} was written twice in this run. {_REPORT}")
    for day in sorted({day for days in written.values() for day in days} | set(records_read)):
        sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for name, days in written.items():
            if day in days:
                sums[name] |= {"rows": days[day].rows, **days[day].sums}
        pairs = _pairs(sums)
        if day in records_read:
            pairs |= _pairs_of_counted(sums, records_read[day], counted.get(day, Sums()))
        for what, (one, other) in pairs.items():
            if one != other:
                raise SumsDoNotClose(f"{day}: {what} differ, {one:,} and {other:,}. Tables and ledger are as before. {_REPORT}")


def _pairs(sums: dict[str, dict[str, int]]) -> dict[str, tuple[int, int]]:
    """What must be equal on a day, in words."""
    coverage, sources = sums["coverage"], sums["sources"]
    return {
        "records in coverage and in sources": (coverage["records"], sources["records"]),
        "records in coverage and its events + duplicates": (coverage["records"], coverage["events"] + coverage["duplicates"]),
        "late_uncounted in coverage and in sources": (coverage["late_uncounted"], sources["late_uncounted"]),
    }


def _pairs_of_counted(sums: dict[str, dict[str, int]], records_read: int, counted: Sums) -> dict[str, tuple[int, int]]:
    """What must be equal besides on a day that was counted anew."""
    coverage, calls = sums["coverage"], sums["run_instances"]
    return {
        "records in the files' status and in coverage": (records_read, coverage["records"]),
        "records in the files' status and in the count": (records_read, counted.facts),
        "events in the count and in event_counts": (counted.events, sums["event_counts"]["event_count"]),
        "events in coverage and in event_counts": (coverage["events"], sums["event_counts"]["event_count"]),
        "calls in the count and in launches": (counted.launches, sums["launches"]["rows"]),
        "calls in launches and in run_instances": (
            sums["launches"]["rows"],
            calls["launch_calls"] + calls["failed_calls"] + calls["dry_run_calls"],
        ),
    }
