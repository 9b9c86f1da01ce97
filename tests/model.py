"""What any sequence of runs must come to, in plain dictionaries that share nothing with the package.

A `Model` holds a tree of small files and the tables that the runs so far should have made of it. Of each day it knows which
files are counted in it, with the records that they held when it was last counted; the rest follows from these.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from builders import Record

READ, REJECTED, UNREADABLE = "read", "rejected", "unreadable"

Place = tuple[str, str]  # account and region


class Version(NamedTuple):
    """What a file holds: its records, None where its bytes are bad. `number` tells one version from another."""

    number: int
    records: tuple[str, ...] | None

    def of(self, day: str, events: dict[str, Record]) -> list[Record]:
        """Its records of that day."""
        return [events[name] for name in self.records or () if day_of(events[name]) == day]


def day_of(record: Record) -> str:
    """The UTC day of a record whose time is written in UTC."""
    return str(record["eventTime"][:10])


def place_of(record: Record) -> Place:
    """The account and region that a record counts for."""
    return record["recipientAccountId"], record["awsRegion"]


class Known(NamedTuple):
    """A row of the ledger."""

    version: int | None
    status: str
    days: tuple[str, ...]


@dataclass
class Model:
    """The tree, and what the tables should say. Keys are paths below the tree; a file's delivery day is in its key."""

    events: dict[str, Record]
    disk: dict[str, Version] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    # Whether a listing shows that a file is blocked, so that a run looks into it again.
    blocked_shows: bool = True
    ledger: dict[str, Known] = field(default_factory=dict)
    # By day and file: the version that was listed when it was counted, and the records that were counted.
    counted: dict[str, dict[str, tuple[int, list[Record]]]] = field(default_factory=lambda: defaultdict(dict))
    # By day, file and version: the records that came too late.
    late: dict[str, dict[tuple[str, int], list[Record]]] = field(default_factory=lambda: defaultdict(dict))

    # --- a run ---------------------------------------------------------------------------------------------------------

    def plan(self, since: str, *, rebuild: bool, by_day: bool) -> list[list[str]]:
        """The files to look into, batch by batch."""
        to_do = [key for key in sorted(self.disk) if delivered(key) >= since and (rebuild or not self._is_settled(key))]
        days = sorted({delivered(key) for key in to_do})
        if not by_day:
            return [to_do] if to_do else []
        return [[key for key in to_do if delivered(key) == day] for day in days]

    def _is_settled(self, key: str) -> bool:
        known = self.ledger.get(key)
        seems_other = self.blocked_shows and key in self.blocked
        is_same = known is not None and not seems_other and known.version == self.disk[key].number
        return is_same and known is not None and known.status != UNREADABLE

    def run_batch(self, batch: list[str], to_do: Iterable[str], *, rebuild: bool) -> None:
        """What a batch does: the days that its files touch are counted whole, or stay as they are."""
        files = {key: self.disk[key] for key in batch if key not in self.blocked}
        touched = self._candidates(files) if rebuild else [day for day in self._candidates(files) if self._differs(day, files)]
        changed = {key for key in to_do if key not in self.blocked}
        waiting = {day for day in touched if self._waits(day, files, changed)}
        for day in touched:
            if self._has_lost(day, files):
                self._add_late(day, files)
            elif day not in waiting:
                self._set_back(day, files, changed)
                self._count(day, files)
        for key in batch:
            self._note(key, files.get(key), waiting)

    def _candidates(self, files: dict[str, Version]) -> list[str]:
        held = {day_of(self.events[name]) for version in files.values() for name in version.records or ()}
        before = {day for key in files if key in self.ledger for day in self.ledger[key].days}
        return sorted(held | before)

    def _differs(self, day: str, files: dict[str, Version]) -> bool:
        now = {
            (key, version.number, *place, count)
            for key, version in files.items()
            for place, count in Counter(map(place_of, version.of(day, self.events))).items()
        }
        then = {row for row in self._rows(day) if row[0] in files}
        return now != then

    def _rows(self, day: str) -> set[tuple[Any, ...]]:
        held = [(key, number, records) for key, (number, records) in self.counted[day].items()]
        held += [(key, number, records) for (key, number), records in self.late[day].items()]
        return {(k, n, *place, count) for k, n, records in held for place, count in Counter(map(place_of, records)).items()}

    def _others(self, day: str, files: dict[str, Version]) -> set[str]:
        return {*self.counted[day], *(key for key, _ in self.late[day])} - files.keys()

    def _has_lost(self, day: str, files: dict[str, Version]) -> bool:
        return any(key not in self.disk for key in self.counted[day] if key not in files)

    def _waits(self, day: str, files: dict[str, Version], to_do: set[str]) -> bool:
        there = [key for key in self._others(day, files) if key in self.disk]
        bad = [key for key in there if self._fails(day, key, to_do)]
        return bool(bad) and not self._has_lost(day, files)

    def _fails(self, day: str, key: str, to_do: set[str]) -> bool:
        number = self.disk[key].number
        is_other = any(label != number for label in self._labels(day, key))
        if key in self.blocked:
            return True
        if self.disk[key].records is None:  # out where it changed, and its own batch rejects it
            return not (key in to_do and all(label != number for label in self._labels(day, key)))
        return is_other and key not in to_do and self.ledger[key].version != number

    def _labels(self, day: str, key: str) -> list[int]:
        late = [number for name, number in self.late[day] if name == key]
        return late + ([self.counted[day][key][0]] if key in self.counted[day] else [])

    def _set_back(self, day: str, files: dict[str, Version], to_do: set[str]) -> None:
        """A day counts a changed file as it is now, before the file's own batch: that one must not be left out."""
        for key in self._others(day, files):
            known = self.ledger[key]
            if key in to_do and self.disk[key].records is not None and known.version != self.disk[key].number:
                self.ledger[key] = Known(known.version, UNREADABLE, known.days)

    def _count(self, day: str, files: dict[str, Version]) -> None:
        others = {key: self.disk[key] for key in self._others(day, files) if key in self.disk}
        gone = {row: records for row, records in self.late[day].items() if row[0] not in self.disk and row[0] not in files}
        now = {key: (version.number, version.of(day, self.events)) for key, version in (others | files).items()}
        self.counted[day] = {key: held for key, held in now.items() if held[1]}
        self.late[day] = gone

    def _add_late(self, day: str, files: dict[str, Version]) -> None:
        self.late[day] = {row: records for row, records in self.late[day].items() if row[0] not in files}
        for key, version in files.items():
            records = version.of(day, self.events)
            if records and self.counted[day].get(key, (None,))[0] != version.number:
                self.late[day][key, version.number] = records

    def _note(self, key: str, version: Version | None, waiting: set[str]) -> None:
        before = self.ledger[key].days if key in self.ledger else ()
        if version is None:
            self.ledger[key] = Known(None, UNREADABLE, before)
            return
        held = {day_of(self.events[name]) for name in version.records or ()}
        if waiting & (held | set(before)):
            stays = (held - waiting) | (set(before) & waiting)
            self.ledger[key] = Known(version.number, UNREADABLE, tuple(sorted(stays)))
        else:
            self.ledger[key] = Known(version.number, REJECTED if version.records is None else READ, tuple(sorted(held)))

    # --- the tables ----------------------------------------------------------------------------------------------------

    def day_events(self, day: str) -> list[Record]:
        """The events that the day's tables count."""
        records = [record for _, held in self.counted[day].values() for record in held]
        return list({(record["recipientAccountId"], record["eventID"]): record for record in records}.values())

    def event_counts(self) -> Counter[tuple[str, ...]]:
        """Events by (day, account, region, API)."""
        return Counter((day, *place_of(e), e["eventName"]) for day in list(self.counted) for e in self.day_events(day))

    def launches(self) -> list[tuple[str, str]]:
        """(day, eventID) of the RunInstances calls."""
        calls = ((day, e) for day in list(self.counted) for e in self.day_events(day) if e["eventName"] == "RunInstances")
        return sorted((day, str(e["eventID"])) for day, e in calls)

    def coverage(self) -> dict[tuple[str, str, str], tuple[int, ...]]:
        """(files, records, events, late_uncounted) by (day, account, region)."""
        found: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for day, *place, records, late in self.sources_by_place():
            row = found[day, place[0], place[1]]
            row[0] += records > 0
            row[1] += records
            row[3] += late
        for day in list(self.counted):
            for event in self.day_events(day):
                found[day, *place_of(event)][2] += 1
        return {place: tuple(row) for place, row in found.items()}

    def sources_by_place(self) -> list[tuple[Any, ...]]:
        """(day, account, region, records, late_uncounted) of each row of `sources`."""
        return [(day, *place, records, late) for day, _, *place, records, late in self.sources()]

    def sources(self) -> list[tuple[Any, ...]]:
        """(day, file, account, region, records, late_uncounted), sorted."""
        rows = []
        for day, files in self.counted.items():
            for key, (_, records) in files.items():
                rows += [(day, key, *place, count, 0) for place, count in Counter(map(place_of, records)).items()]
        for day, late in self.late.items():
            for (key, _), records in late.items():
                rows += [(day, key, *place, 0, count) for place, count in Counter(map(place_of, records)).items()]
        return sorted(rows)


def delivered(key: str) -> str:
    """The delivery day in a file's key."""
    return "-".join(key.split("/")[-4:-1])
