"""Which objects a table of an output has: one listing for all its days."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from trailtally.errors import UsageError
from trailtally.stages.stored import MOST_BITS, STATE, check_slices, object_name
from trailtally.storage import Entry, Store, StoreError, path_of
from trailtally.tables import ledger
from trailtally.tables.columns import Table
from trailtally.tables.events import EVENTS

FIRST_DAY, LAST_DAY = "0000-00-00", "9999-12-31"


class _Slice(NamedTuple):
    day: str
    bits: str
    entry: Entry


def table_objects(store: Store, table: Table, since: str = FIRST_DAY, until: str = LAST_DAY) -> dict[str, Entry]:
    """Return the objects of the days from `since` to `until` (YYYY-MM-DD), by their names below the output, sorted.

    Raises:
        StoreError: The table's folder cannot be listed.
        TrailtallyError: Two objects of a day hold the same rows, as a killed run leaves them and the next one repairs.
    """
    slices = sorted(_listed(store, table, since, until))
    for day, those in groupby(slices, key=lambda found: found.day):
        check_slices(store, table, day, [found.bits for found in those])
    return {object_name(table, found.day, found.bits): found.entry for found in slices}


def check_tables(store: Store, output_name: str) -> None:
    """Raise UsageError, which calls the output `output_name`, where it holds no tables of a run, or those of an older version."""
    if not _has(store, ledger.TABLE):
        if not store.is_folder(store.root):
            raise UsageError(f"{output_name}: no such folder" + ("" if output_name == store.root else f" ({store.root})"))
        if store.is_folder(f"{store.root}/{STATE}"):
            raise UsageError(
                f"{output_name}: nothing is published yet: a first run is at work, or was stopped amid its first batch"
            )
        raise UsageError(
            f"{output_name}: there are no tables of trailtally here (no ledger). Give the --output of a finished run"
        )
    if not _has(store, EVENTS) and store.partitions(f"{store.root}/sources", "dt"):
        raise UsageError(f"{output_name}: these tables are of an older version, without events. Run the job with --rebuild first")


def _has(store: Store, table: Table) -> bool:
    return next(_listed(store, table, FIRST_DAY, LAST_DAY), None) is not None


def _listed(store: Store, table: Table, since: str, until: str) -> Iterator[_Slice]:
    column = table.partition.name
    folder = f"{store.root}/{table.name}"
    of_a_slice = re.compile(rf"{column}=(\d{{4}}-\d\d-\d\d)/{table.name}(?:-([01]{{1,{MOST_BITS}}}))?\.parquet")
    # `0` is the character after `/`: so the last day's objects are listed, and those of the day after are not.
    for entry in store.list_tree(folder, after=f"{column}={since}", last=f"{column}={until}0"):
        path = path_of(entry.key)
        if match := of_a_slice.fullmatch(path.removeprefix(f"{folder}/")):
            yield _Slice(match[1], match[2] or "", entry)
        elif entry.problem and path.endswith("/") and store.exists(path.removesuffix("/")):
            raise StoreError(f"{entry.key}: {entry.problem}")
