"""Tables: the partial tables of an event day -> its event_counts, run_instances, launches and coverage.

Each is a pure function of the day's events and duplicates. The partial tables of slices that the batch did not touch are computed
from their stored rows, one slice after the other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailtally import meter
from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.stages.blobs import Blob, Key, To, is_json, pack_json, unpack, unpack_json
from trailtally.stages.partials import COUNTS, FILES, GROUPING, LATE, LAUNCHES, partials
from trailtally.stages.preference import ranks
from trailtally.stages.stored import exists, object_name, read_day, read_rows
from trailtally.stages.writing import Target, write_object
from trailtally.tables import coverage, event_counts, launches, run_instances
from trailtally.tables.columns import Table
from trailtally.tables.events import DUPLICATES, EVENTS

_PLACE = ["account_id", "region"]


@dataclass(frozen=True)
class DayTables:
    """The stage. Blobs in: partial tables and manifests of a day's slices."""

    target: Target
    rebuild: bool = False

    def __call__(self, key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
        """Yield the day's manifest."""
        task = Key.parse(key)
        if task.to is To.DRIVER:
            yield from ((key, blob) for blob in blobs)
            return
        day = _Day(self.target, task.day)
        for blob in blobs:
            day.add(blob)
        with meter.timed("tables"):
            manifest = day.publish(rebuild=self.rebuild)
        yield str(Key(To.DRIVER, "day", task.day)), pack_json(manifest)


@dataclass
class _Day:
    """The partial tables and manifests of a day."""

    target: Target
    day: str
    slices: list[dict[str, Any]] = field(default_factory=list)
    partial: dict[str, list[pa.Table]] = field(default_factory=dict)

    def add(self, blob: bytes) -> None:
        """Add a partial table or a slice's manifest."""
        if is_json(blob):
            self.slices.append(unpack_json(blob))
        else:
            kind, rows = unpack(blob)
            self.partial.setdefault(kind, []).append(rows)

    def publish(self, *, rebuild: bool) -> dict[str, Any]:
        """Write the day's tables where its rows changed; return what was written and removed, and the sums."""
        sums = {name: sum(part["sums"][name] for part in self.slices) for name in self.slices[0]["sums"]}
        manifest: dict[str, Any] = {"day": self.day, "sums": sums, "late": 0}
        manifest["written"] = [entry for part in self.slices for entry in part["written"]]
        manifest["removed"] = [name for part in self.slices for name in part["removed"]]
        if self.slices[0]["closed"]:
            return manifest | self._add_late()
        if not manifest["written"] and not manifest["removed"]:
            return manifest
        self._add_untouched(sums)
        if rebuild and not self.slices[0]["slices"] and self._published_records() > sums["events"] + sums["duplicates"]:
            # Log files of this day are gone, and no stored events replace them.
            return manifest | {"written": [], "removed": [], "left": True}
        tables = self._tables()
        for table, rows in tables.items():
            if len(rows):
                manifest["written"].append(write_object(self.target, table, self.day, rows))
            elif self.slices[0]["slices"] and exists(self.target.output, table, self.day):
                manifest["removed"].append(object_name(table, self.day))
        return manifest

    def _add_untouched(self, sums: dict[str, int]) -> None:
        """Add the partial tables of the slices that no task of this batch merged."""
        merged = tuple(part["bits"] for part in self.slices)
        for bits in self.slices[0]["slices"]:
            if bits.startswith(merged):
                continue
            events, duplicates = (
                read_rows(self.target.output, table, self.day, bits).unify_dictionaries().combine_chunks()
                for table in (EVENTS, DUPLICATES)
            )
            sums["before"] += len(events) + len(duplicates)
            sums["events"] += len(events)
            sums["duplicates"] += len(duplicates)
            for kind, rows in partials(events, duplicates):
                self.partial.setdefault(kind, []).append(rows)

    def _published_records(self) -> int:
        return pc.sum(read_day(self.target.output, coverage.TABLE, self.day, ["records"])["records"]).as_py() or 0

    def _tables(self) -> dict[Table, pa.Table]:
        counts = self._counts()
        called = self._joined(LAUNCHES, launches.TABLE.schema)
        return {
            event_counts.TABLE: _ordered(event_counts.TABLE, counts),
            run_instances.TABLE: _ordered(run_instances.TABLE, _run_instances(called)),
            launches.TABLE: _ordered(launches.TABLE, called),
            coverage.TABLE: _ordered(coverage.TABLE, self._coverage(counts)),
        }

    def _joined(self, kind: str, schema: pa.Schema) -> pa.Table:
        plain = pa.schema([f.remove_metadata() for f in schema])
        return pa.concat_tables([plain.empty_table(), *(rows.cast(plain) for rows in self.partial.get(kind, ()))])

    def _counts(self) -> pa.Table:
        rows = self._joined(COUNTS, event_counts.TABLE.schema)
        if len(self.partial.get(COUNTS, ())) < 2:
            return rows
        ends = [("event_count", "sum"), ("first_event_time", "min"), ("last_event_time", "max")]
        summed = rows.group_by(GROUPING).aggregate(ends)
        return summed.rename_columns(
            [name.removesuffix("_sum").removesuffix("_min").removesuffix("_max") for name in summed.column_names]
        )

    def _coverage(self, counts: pa.Table) -> pa.Table:
        schema = pa.schema(
            [("account_id", pa.string()), ("region", pa.string()), ("file_key", pa.string()), ("records", pa.int64())]
        )
        files = self._joined(FILES, schema).group_by(_PLACE).aggregate([("file_key", "count_distinct"), ("records", "sum")])
        events = counts.group_by(_PLACE).aggregate(
            [("event_count", "sum"), ("first_event_time", "min"), ("last_event_time", "max")]
        )
        rows = files.join(events, keys=_PLACE, join_type="left outer")
        number = pc.fill_null(rows["event_count_sum"], 0)
        return self._signed(
            {
                "account_id": rows["account_id"],
                "region": rows["region"],
                "files": rows["file_key_count_distinct"],
                "records": rows["records_sum"],
                "duplicates": pc.subtract(rows["records_sum"], number),
                "events": number,
                "late_uncounted": pa.repeat(pa.scalar(0, pa.int64()), len(rows)),
                "first_event_time": rows["first_event_time_min"],
                "last_event_time": rows["last_event_time_max"],
            }
        )

    def _signed(self, columns: dict[str, Any]) -> pa.Table:
        """Return rows of `coverage` with the run that computed them."""
        count = len(columns["account_id"])
        signed = columns | {
            "computed_at": pa.array([self.target.computed_at] * count, pa.string()).cast(pa.timestamp("us", tz="UTC")),
            "run_id": pa.array([self.target.run_id] * count, pa.string()),
        }
        return pa.table(signed)

    def _add_late(self) -> dict[str, Any]:
        """Write the late records of a day whose events somebody removed: only coverage.late_uncounted grows."""
        late = pa.concat_tables(self.partial[LATE]).group_by(_PLACE).aggregate([("count_all", "sum")])
        records = pc.sum(late["count_all_sum"]).as_py() or 0
        if not records:
            return {"late": 0, "closed": True}
        stored = read_day(self.target.output, coverage.TABLE, self.day)
        rows = stored.join(late, keys=_PLACE, join_type="full outer")
        number = pc.fill_null(rows["count_all_sum"], 0)
        columns = {name: rows[name] for name in coverage.TABLE.names}
        columns |= {name: pc.fill_null(rows[name], 0) for name in ("files", "records", "duplicates", "events")}
        columns["late_uncounted"] = pc.add(pc.fill_null(rows["late_uncounted"], 0), number)
        written = write_object(self.target, coverage.TABLE, self.day, _ordered(coverage.TABLE, self._signed(columns)))
        return {"late": records, "closed": True, "written": [written]}


def _run_instances(called: pa.Table) -> pa.Table:
    """Return rows of `run_instances` from those of `launches`."""
    has_succeeded = pc.is_null(called["error_code"])
    is_dry_run = pc.fill_null(pc.equal(called["error_code"], DRY_RUN), fill_value=False)
    is_unknown = pc.and_(has_succeeded, pc.is_null(called["instance_count"]))
    flags = {
        "launch_calls": has_succeeded,
        "unknown_calls": is_unknown,
        "failed_calls": pc.and_not(pc.invert(has_succeeded), is_dry_run),
        "dry_run_calls": is_dry_run,
    }
    none = pa.scalar(None, pa.int64())
    sums = {name: flag.cast(pa.int64()) for name, flag in flags.items()} | {
        "instances_launched": pc.if_else(pc.and_not(has_succeeded, is_unknown), called["instance_count"], none),
        "unknown_min_count": pc.if_else(is_unknown, called["min_count"], none),
        "unknown_max_count": pc.if_else(is_unknown, called["max_count"], none),
    }
    by = [column.name for column in run_instances.GROUPING]
    rows = pa.table({name: called[name] for name in (*by, "event_time")} | sums)
    ends = [("event_time", "min"), ("event_time", "max")]
    summed = rows.group_by(by).aggregate([*((name, "sum") for name in sums), *ends])
    columns = {name: pc.fill_null(summed[f"{name}_sum"], 0) for name in sums} | {name: summed[name] for name in by}
    is_hidden = pc.and_(pc.greater(columns["launch_calls"], 0), pc.equal(columns["launch_calls"], columns["unknown_calls"]))
    columns["instances_launched"] = pc.if_else(is_hidden, none, columns["instances_launched"])
    columns |= {"first_event_time": summed["event_time_min"], "last_event_time": summed["event_time_max"]}
    return pa.table(columns)


def _ordered(table: Table, rows: pa.Table) -> pa.Table:
    """Return the rows with the table's columns and types, in the order of its key, null first."""
    schema = pa.schema([f.remove_metadata() for f in table.schema])
    rows = rows.select(table.names).cast(schema)
    names = [*table.key, *(f.name for f in schema if f.name not in table.key and not pa.types.is_nested(f.type))]
    if len(rows) < 2:
        return rows
    return rows.take(pa.array(np.lexsort([_sortable(rows[name]) for name in reversed(names)])))


def _sortable(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return numbers that sort as the column's values, null first."""
    if pa.types.is_string(column.type):
        return ranks(column.combine_chunks().dictionary_encode())
    numbers = column.cast(pa.int8()).cast(pa.int64()) if pa.types.is_boolean(column.type) else column.cast(pa.int64())
    return np.asarray(numbers.fill_null(np.iinfo(np.int64).min).to_numpy())
