"""What tasks report of a batch must agree: records read, merged and counted, and the tables."""

from typing import Any

import pytest

from trailtally.errors import SumsDoNotClose
from trailtally.run.batch import Manifest, check_sums

DAY = "2026-03-09"

# A day that had 4 records, 1 of which left with its file, and got 2: 4 events, 1 duplicate; 3 launches among the events.
SUMS = {"before": 4, "gone": 1, "new": 2, "events": 4, "duplicates": 1}
TABLES: dict[str, dict[str, int]] = {
    "event_counts": {"event_count": 4},
    "run_instances": {"launch_calls": 1, "failed_calls": 1, "dry_run_calls": 1},
    "launches": {"rows": 3},
    "coverage": {"records": 5, "duplicates": 1, "events": 4},
}


def _sums(of: dict[str, int]) -> dict[str, int]:
    return {name: amount for name, amount in of.items() if name != "rows"}


def manifest(sums: dict[str, int] | None = None, read: int = 2, **changes: Any) -> Manifest:
    written = [
        {
            "table": table,
            "name": f"{table}/{DAY}",
            "rows": of.get("rows", 1),
            "bytes": 9,
            "sums": _sums(of | changes.get(table, {})),
        }
        for table, of in TABLES.items()
    ]
    for entry in written:
        entry["rows"] = changes.get(str(entry["table"]), {}).get("rows", entry["rows"])
    made = Manifest()
    made.add("day", {"day": DAY, "sums": SUMS | (sums or {}), "written": written, "removed": []})
    made.add("read", {"read": {DAY: read}})
    return made


def test_sums_that_close_pass() -> None:
    check_sums(manifest())
    check_sums(Manifest())


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (manifest(read=3), "records read and records merged differ, 3 and 2"),
        (manifest({"new": 1}), "records read and records merged differ, 2 and 1"),
        (manifest({"duplicates": 0}), "records stored and new, and events + duplicates differ, 5 and 4"),
        (manifest({"gone": 0}), "records stored and new, and events + duplicates differ, 6 and 5"),
        (manifest(event_counts={"event_count": 3}), "events and event_counts differ, 4 and 3"),
        (manifest(coverage={"events": 4000}), "events and coverage differ, 4 and 4,000"),
        (manifest(coverage={"records": 4}), "records and coverage differ, 5 and 4"),
        (manifest(launches={"rows": 4}), "launches and run_instances differ, 4 and 3"),
        (manifest(run_instances={"failed_calls": 0}), "launches and run_instances differ, 3 and 2"),
    ],
)
def test_sums_that_do_not_close_raise_and_say_which(made: Manifest, what: str) -> None:
    with pytest.raises(SumsDoNotClose) as raised:
        check_sums(made)
    assert str(raised.value).startswith(f"{DAY}: {what}. Tables and ledger are as before. ")


def test_a_day_that_was_read_and_reported_by_no_task_raises() -> None:
    made = manifest()
    made.add("read", {"read": {"2026-03-10": 1}})
    with pytest.raises(SumsDoNotClose, match=r"^2026-03-10: records read and records merged differ, 1 and 0\."):
        check_sums(made)


def test_an_object_that_was_written_twice_raises() -> None:
    made = manifest()
    made.days[0]["written"].append(made.days[0]["written"][0] | {"sums": {}})
    with pytest.raises(SumsDoNotClose, match="was written twice in this run"):
        check_sums(made)


@pytest.mark.parametrize("state", ["closed", "left"])
def test_a_day_that_is_not_counted_anew_is_held_against_what_was_read_alone(state: str) -> None:
    made = manifest({"events": 0})
    made.days[0] |= {state: True}
    check_sums(made)
    made.add("read", {"read": {DAY: 1}})
    with pytest.raises(SumsDoNotClose):
        check_sums(made)
