"""What any sequence of runs must come to, in plain dictionaries that share nothing with the package.

A `Model` holds a tree of small files, the records that the runs so far have read of each, and the ledger. The tables are a pure
function of these records.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from builders import ACCOUNT, Record

READ, REJECTED, UNREADABLE = "read", "rejected", "unreadable"

Place = tuple[str, str]  # account and region


class Version(NamedTuple):
    """What a file holds: the names of its records, None where its bytes are bad. `number` tells one version from another."""

    number: int
    records: tuple[str, ...] | None


class Known(NamedTuple):
    """A row of the ledger."""

    version: int | None
    status: str
    days: tuple[str, ...]


class Row(NamedTuple):
    """A record that was read, with the file that it came in."""

    record: Record
    file: str

    @property
    def day(self) -> str:
        """Return the UTC day of a record whose time is written in UTC."""
        return str(self.record["eventTime"][:10])

    @property
    def place(self) -> Place:
        """Return the account and the region that it counts for."""
        return self.record["recipientAccountId"], self.record["awsRegion"]

    @property
    def key(self) -> tuple[str, str, str]:
        """Return the day, the account, and what copies of the event share."""
        name = self.record.get("addendum", {}).get("originalEventID") or self.record.get("eventID") or str(self.record)
        return self.day, self.record["recipientAccountId"], name

    @property
    def preference(self) -> tuple[bool, bool, str, str]:
        """Return what puts the record that stands for an event before its copies. All files lie in ACCOUNT's folder."""
        return self.place[0] != ACCOUNT, "addendum" not in self.record, self.record["eventTime"], self.file

    def shown(self) -> tuple[Any, ...]:
        """Return (day, account, region, API, eventID, errorCode, file)."""
        fields = map(self.record.get, ("eventName", "eventID", "errorCode"))
        return (self.day, *self.place, *fields, self.file)


@dataclass
class Model:
    """The tree, and what the tables should say. Keys are paths below the tree; a file's delivery day is in its key."""

    records: dict[str, Record]
    disk: dict[str, Version] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    # Whether a listing shows that a file is blocked, so that a run looks into it again.
    blocked_shows: bool = True
    ledger: dict[str, Known] = field(default_factory=dict)
    # By file: the records that were last read of it.
    memory: dict[str, tuple[str, ...]] = field(default_factory=dict)

    # --- a run ---------------------------------------------------------------------------------------------------------

    def plan(self, since: str = "", *, rebuild: bool = False, by_day: bool = False) -> list[list[str]]:
        """Return the files to look into, batch by batch."""
        to_do = [key for key in sorted(self.disk) if delivered(key) >= since and (rebuild or not self._is_settled(key))]
        if not by_day:
            return [to_do] if to_do else []
        return [[key for key in to_do if delivered(key) == day] for day in sorted({delivered(key) for key in to_do})]

    def _is_settled(self, key: str) -> bool:
        known = self.ledger.get(key)
        if known is None or known.status == UNREADABLE or (self.blocked_shows and key in self.blocked):
            return False
        return known.version == self.disk[key].number

    def run_batch(self, batch: list[str]) -> None:
        """Do a batch: the rows of a file leave when another version of it is read or rejected, and stay where it is not there."""
        for key in batch:
            version = self.disk[key]
            if key in self.blocked:
                self.ledger[key] = Known(None, UNREADABLE, self.ledger[key].days if key in self.ledger else ())
            elif version.records is None:
                self.memory.pop(key, None)
                self.ledger[key] = Known(version.number, REJECTED, ())
            else:
                self.memory[key] = version.records
                days = {str(self.records[name]["eventTime"][:10]) for name in version.records}
                self.ledger[key] = Known(version.number, READ, tuple(sorted(days)))

    # --- the tables ----------------------------------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Return every record that was read."""
        return [Row(self.records[name], key) for key, names in self.memory.items() for name in names]

    def events(self) -> list[Row]:
        """Return the records that stand for the events: one for each key."""
        groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in self.rows():
            groups[row.key].append(row)
        return [min(rows, key=lambda row: row.preference) for rows in groups.values()]

    def duplicates(self) -> Counter[tuple[Any, ...]]:
        """Return the other records, as `Row.shown`."""
        return Counter(row.shown() for row in self.rows()) - Counter(row.shown() for row in self.events())

    def event_counts(self) -> Counter[tuple[Any, ...]]:
        """Return the events by (day, account, region, API, error)."""
        return Counter((row.day, *row.place, row.record["eventName"], row.record.get("errorCode")) for row in self.events())

    def launches(self) -> list[tuple[str, str]]:
        """Return (day, eventID) of the RunInstances calls."""
        calls = (row for row in self.events() if row.record["eventName"] == "RunInstances")
        return sorted((row.day, str(row.record["eventID"])) for row in calls)

    def coverage(self) -> dict[tuple[str, str, str], tuple[int, int, int]]:
        """Return (files, records, events) by (day, account, region)."""
        files: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for row in self.rows():
            files[row.day, *row.place].add(row.file)
        records, events = (Counter((row.day, *row.place) for row in rows) for rows in (self.rows(), self.events()))
        return {place: (len(found), records[place], events[place]) for place, found in files.items()}


def delivered(key: str) -> str:
    """Return the delivery day in a file's key."""
    return "-".join(key.split("/")[-4:-1])
