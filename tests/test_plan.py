"""What a run has to do: the objects that are new or changed, and the batches that they come in."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from builders import ACCOUNT, OTHER_ACCOUNT
from trailtally import listing
from trailtally.plan import Batch, Plan, batches, compare, make_plan, of_batch, plan_text
from trailtally.tables.ledger import UNDATED

KNOWN = "delivered string, file_key string, e_tag string, status string"
SUNDAY, MONDAY = "2026-03-08", "2026-03-09"
NO_LOG = "its name ends in neither .json.gz nor .json"


def log(name: str, e_tag: str = "t1", size: int = 10, delivered: str = MONDAY, region: str = "us-east-1") -> tuple[Any, ...]:
    """A listed log file."""
    return (name, e_tag, size, None, None, delivered, ACCOUNT, region)


def other(name: str, e_tag: str = "t1", size: int = 5, delivered: str | None = MONDAY) -> tuple[Any, ...]:
    """A listed object that is no log file."""
    return (name, e_tag, size, "ignored", NO_LOG, delivered, None, None)


LISTED = [
    log("new"),
    log("changed", "t2", 20),
    log("same", size=1000),
    log("was rejected", size=1000),
    log("was rejected, changed", "t2", 30),
    log("was unreadable", size=40, delivered=SUNDAY),
    ("broken link", "", 0, "unreadable", "a link to a file that does not exist", SUNDAY, ACCOUNT, "us-east-1"),
    ("folder/", "", 0, "unreadable", "the folder cannot be listed: permission denied", None, None, None),
    other("notes"),
    other("notes, changed", "t2", delivered=None),
    other("new notes", delivered=None),
    # It was a log file when a link led elsewhere, say.
    other("was a log file", "t2", delivered=SUNDAY),
]
LEDGER = [
    (MONDAY, "changed", "t1", "read"),
    (MONDAY, "same", "t1", "read"),
    (MONDAY, "was rejected", "t1", "rejected"),
    (MONDAY, "was rejected, changed", "t1", "rejected"),
    (SUNDAY, "was unreadable", "t1", "unreadable"),
    (SUNDAY, "broken link", "", "unreadable"),
    (MONDAY, "notes", "t1", "ignored"),
    (UNDATED, "notes, changed", "t1", "ignored"),
    (SUNDAY, "was a log file", "t1", "read"),
    (SUNDAY, "gone", "t1", "read"),
]

Planned = Callable[..., Plan]


@pytest.fixture(scope="module")
def planned(spark: SparkSession) -> Planned:
    """The plan for these listed objects and rows of the ledger."""

    def make(
        listed: list[tuple[Any, ...]], ledger: list[tuple[Any, ...]], *, batch_bytes: int = 1000, rebuild: bool = False
    ) -> Plan:
        frames = (spark.createDataFrame(listed, listing.SCHEMA).coalesce(1), spark.createDataFrame(ledger, KNOWN).coalesce(1))
        return make_plan(*frames, batch_bytes=batch_bytes, rebuild=rebuild)

    return make


@pytest.fixture(scope="module")
def plan(planned: Planned) -> Plan:
    return planned(LISTED, LEDGER, batch_bytes=1)


def keys(rows: DataFrame) -> list[str]:
    return sorted(row["file_key"] for row in rows.collect())


def test_what_is_new_or_changed_or_was_unreadable_is_to_do(plan: Plan) -> None:
    assert keys(plan.rows) == [
        "broken link",
        "changed",
        "folder/",
        "new",
        "new notes",
        "notes, changed",
        "was a log file",
        "was rejected, changed",
        "was unreadable",
    ]


def test_what_is_to_do_has_all_that_was_listed_and_a_partition_of_the_ledger(plan: Plan) -> None:
    rows = {row["file_key"]: row.asDict() for row in plan.rows.collect()}
    assert rows["changed"] == {
        "delivered": MONDAY,
        "file_key": "changed",
        "e_tag": "t2",
        "size": 20,
        "status": None,
        "reason": None,
        "account_id": ACCOUNT,
        "region": "us-east-1",
    }
    assert rows["new notes"] == {
        "delivered": "2013-11-01",
        "file_key": "new notes",
        "e_tag": "t1",
        "size": 5,
        "status": "ignored",
        "reason": NO_LOG,
        "account_id": None,
        "region": None,
    }


def test_only_log_files_count_as_files_and_bytes_and_others_make_their_day_a_part_of_a_batch(plan: Plan) -> None:
    assert plan.batches == [Batch([UNDATED], [], 0, 0), Batch([SUNDAY], [SUNDAY], 1, 40), Batch([MONDAY], [MONDAY], 3, 60)]
    assert (plan.files, plan.bytes) == (4, 100)


def test_what_is_known_is_counted_by_its_status(plan: Plan) -> None:
    assert plan.known == Counter(read=1, rejected=1, ignored=1)


def test_what_the_ledger_has_of_the_listing_is_met_changed_or_not(plan: Plan) -> None:
    assert plan.met == 3  # read before, and not gone: two changed


def test_of_all_that_is_listed_some_are_no_log_files_known_or_not(plan: Plan) -> None:
    assert (plan.listed, plan.ignored) == (12, 4)


def test_the_rows_of_a_batch_are_those_of_its_days(plan: Plan) -> None:
    assert [keys(of_batch(plan.rows, batch)) for batch in plan.batches] == [
        ["folder/", "new notes", "notes, changed"],
        ["broken link", "was a log file", "was unreadable"],
        ["changed", "new", "was rejected, changed"],
    ]
    assert keys(of_batch(plan.rows, Batch([UNDATED, MONDAY], [UNDATED, MONDAY], 4, 100))) == keys(plan.rows)


def test_a_rebuild_has_all_to_do(planned: Planned) -> None:
    plan = planned(LISTED, LEDGER, rebuild=True)
    assert keys(plan.rows) == sorted(row[0] for row in LISTED)
    assert plan.batches == [Batch([UNDATED, SUNDAY], [SUNDAY], 1, 40), Batch([MONDAY], [MONDAY], 5, 2060)]
    assert (plan.known, plan.met, plan.ignored, plan.listed) == (Counter(), 3, 4, 12)


def test_where_nothing_is_new_there_is_nothing_to_do(planned: Planned) -> None:
    plan = planned([log("same"), other("notes")], LEDGER)
    assert (keys(plan.rows), plan.batches, plan.files, plan.bytes) == ([], [], 0, 0)
    assert (plan.known, plan.met, plan.ignored, plan.listed) == (Counter(read=1, ignored=1), 1, 1, 2)


def test_in_a_first_run_all_is_new(planned: Planned) -> None:
    plan = planned([log("a"), log("b"), other("notes")], [])
    assert (keys(plan.rows), plan.batches) == (["a", "b", "notes"], [Batch([MONDAY], [MONDAY], 2, 20)])
    assert (plan.known, plan.met, plan.ignored, plan.listed) == (Counter(), 0, 1, 3)


def test_where_nothing_is_listed_there_is_nothing_to_do(planned: Planned) -> None:
    plan = planned([], LEDGER)
    assert (keys(plan.rows), plan.batches, plan.known, plan.met, plan.ignored, plan.listed) == ([], [], Counter(), 0, 0, 0)


def test_of_what_is_known_no_more_is_kept_than_is_counted(spark: SparkSession) -> None:
    listed = spark.createDataFrame([log("new"), log("same", size=1000)], listing.SCHEMA)
    compared = compare(listed, spark.createDataFrame(LEDGER, KNOWN), rebuild=False)
    assert compared.columns == [
        *("delivered", "to_do", "known_status"),
        *("file_key", "e_tag", "size", "status", "reason", "account_id", "region"),
    ]
    assert sorted(map(tuple, compared.collect()), key=str) == [
        (MONDAY, False, "read", None, None, None, None, None, None, None),
        (MONDAY, True, None, "new", "t1", 10, None, None, ACCOUNT, "us-east-1"),
    ]


@pytest.mark.parametrize(
    ("days", "made"),
    [
        ([], []),
        ([("d1", 1, 10)], [Batch(["d1"], ["d1"], 1, 10)]),
        ([("d1", 1, 4), ("d2", 2, 6)], [Batch(["d1", "d2"], ["d1", "d2"], 3, 10)]),  # they fit exactly
        ([("d1", 1, 4), ("d2", 2, 7)], [Batch(["d1"], ["d1"], 1, 4), Batch(["d2"], ["d2"], 2, 7)]),
        # A day is never cut, and one that is too large is a batch by itself.
        ([("d1", 9, 11)], [Batch(["d1"], ["d1"], 9, 11)]),
        (
            [("d1", 1, 1), ("d2", 9, 99), ("d3", 1, 1)],
            [Batch(["d1"], ["d1"], 1, 1), Batch(["d2"], ["d2"], 9, 99), Batch(["d3"], ["d3"], 1, 1)],
        ),
        # What comes after is never put before: d3 would fit into the first.
        (
            [("d1", 1, 3), ("d2", 1, 8), ("d3", 1, 2), ("d4", 1, 1)],
            [Batch(["d1"], ["d1"], 1, 3), Batch(["d2", "d3"], ["d2", "d3"], 2, 10), Batch(["d4"], ["d4"], 1, 1)],
        ),
        # Days without a log file have something for the ledger.
        ([("d1", 0, 0), ("d2", 0, 0)], [Batch(["d1", "d2"], [], 0, 0)]),
        (
            [("d1", 0, 0), ("d2", 1, 10), ("d3", 0, 0), ("d4", 1, 1)],
            [Batch(["d1", "d2", "d3"], ["d2"], 1, 10), Batch(["d4"], ["d4"], 1, 1)],
        ),
        ([("d1", 2, 0), ("d2", 3, 0)], [Batch(["d1", "d2"], ["d1", "d2"], 5, 0)]),  # empty files
    ],
)
def test_days_make_batches_of_ten_bytes_or_one_day(days: list[tuple[str, int, int]], made: list[Batch]) -> None:
    assert batches(days, 10) == made


def test_each_file_is_in_one_batch() -> None:
    days = [(f"d{n:04}", n % 7, n * n % 97) for n in range(1000)]
    made = batches(days, 250)
    assert [day for batch in made for day in batch.days] == [day for day, _, _ in days]
    assert sum(batch.files for batch in made) == sum(files for _, files, _ in days)
    assert sum(batch.bytes for batch in made) == sum(size for _, _, size in days)
    assert max(batch.bytes for batch in made) <= 250


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (Batch([MONDAY], [MONDAY], 1, 0), "delivered 2026-03-09: 1 log files, 0.0 MB compressed"),
        (
            Batch(["2026-03-07", SUNDAY, MONDAY], ["2026-03-07", SUNDAY, MONDAY], 1234, 5_678_900_000),
            "delivered 2026-03-07 to 2026-03-09: 1,234 log files, 5,678.9 MB compressed",
        ),
        # The days of other objects are not spoken of.
        (Batch([UNDATED, SUNDAY, MONDAY], [SUNDAY], 2, 99_999), "delivered 2026-03-08: 2 log files, 0.1 MB compressed"),
        (Batch([UNDATED, MONDAY], [], 0, 0), "no log file to read"),
    ],
)
def test_a_batch_is_told_by_its_log_files(batch: Batch, text: str) -> None:
    assert str(batch) == text


def test_the_plan_as_text(planned: Planned) -> None:
    listed = [
        log("a", size=1_500_000, delivered=SUNDAY),
        log("b", size=500_000, delivered=SUNDAY),
        log("c", size=1_234_567_890, delivered=MONDAY),
        log("d", size=49_999, delivered=MONDAY, region="ap-southeast-2"),
        ("e", "t1", 2_000_000, None, None, "2026-03-10", OTHER_ACCOUNT, "us-east-1"),
        log("same"),
        other("notes", delivered="2026-03-10"),
        other("new notes", delivered="2026-03-10"),
    ]
    ledger = [(MONDAY, "same", "t1", "read"), ("2026-03-10", "notes", "t1", "ignored")]
    plan = planned(listed, ledger, batch_bytes=4_000_000)
    assert plan_text(plan, since=None, pending=False) == (
        "5 log files to read, 1,238.6 MB compressed; 2 objects known\n"
        "\n"
        "account       region                files           MB  delivered\n"
        "111122223333  ap-southeast-2            1          0.0  2026-03-09 to 2026-03-09\n"
        "111122223333  us-east-1                 3      1,236.6  2026-03-08 to 2026-03-09\n"
        "444455556666  us-east-1                 1          2.0  2026-03-10 to 2026-03-10\n"
        "\n"
        "batch 1: delivered 2026-03-08: 2 log files, 2.0 MB compressed\n"
        "batch 2: delivered 2026-03-09: 2 log files, 1,234.6 MB compressed\n"
        "batch 3: delivered 2026-03-10: 1 log files, 2.0 MB compressed\n"
        "days of events that they would touch: as a rule 2026-03-07 to 2026-03-10, the days of delivery and the one before. "
        "Others, whose events came late, show only when the files are read\n"
        "Dry run: nothing was written"
    )


def test_the_plan_as_text_speaks_of_no_day_that_has_no_log_file(planned: Planned) -> None:
    listed = [
        *(other("README", delivered=None), other("notes", delivered=SUNDAY), log("a", size=2_000_000)),
        other("new notes", delivered="2026-03-10"),
    ]
    plan = planned(listed, [], batch_bytes=1)
    assert [batch.days for batch in plan.batches] == [[UNDATED, SUNDAY], [MONDAY], ["2026-03-10"]]
    assert plan_text(plan, since=None, pending=False) == (
        "1 log files to read, 2.0 MB compressed; 0 objects known\n"
        "\n"
        "account       region           files           MB  delivered\n"
        "111122223333  us-east-1            1          2.0  2026-03-09 to 2026-03-09\n"
        "\n"
        "batch 2: delivered 2026-03-09: 1 log files, 2.0 MB compressed\n"
        "days of events that they would touch: as a rule 2026-03-08 to 2026-03-09, the days of delivery and the one before. "
        "Others, whose events came late, show only when the files are read\n"
        "Dry run: nothing was written"
    )


def test_the_plan_as_text_takes_any_region_and_any_day_that_a_path_may_have(planned: Planned) -> None:
    plan = planned([log("a", delivered="0001-01-01", region="eu\x1b[2J\n"), log("b", delivered="9999-12-31")], [])
    assert plan_text(plan, since=None, pending=False) == (
        "2 log files to read, 0.0 MB compressed; 0 objects known\n"
        "\n"
        "account       region             files           MB  delivered\n"
        r"111122223333  eu\x1b[2J\n            1          0.0  0001-01-01 to 0001-01-01"
        "\n"
        "111122223333  us-east-1              1          0.0  9999-12-31 to 9999-12-31\n"
        "\n"
        "batch 1: delivered 0001-01-01 to 9999-12-31: 2 log files, 0.0 MB compressed\n"
        "days of events that they would touch: as a rule 0001-01-01 to 9999-12-31, the days of delivery and the one before. "
        "Others, whose events came late, show only when the files are read\n"
        "Dry run: nothing was written"
    )


def test_the_plan_as_text_where_there_is_nothing_to_read(planned: Planned) -> None:
    plan = planned([log("same"), other("new notes")], LEDGER)
    assert plan_text(plan, since=None, pending=False) == (
        "0 log files to read, 0.0 MB compressed; 1 objects known\nDry run: nothing was written"
    )


def test_the_plan_as_text_says_what_it_does_not_know(planned: Planned) -> None:
    plan = planned([log("same")], LEDGER)
    assert plan_text(plan, since=MONDAY, pending=True) == (
        "0 log files to read, 0.0 MB compressed; 1 objects known\n"
        "not looked at: what was delivered before 2026-03-09 (--delivered-since)\n"
        "a killed run was publishing: a run finishes that first, and may then have less to read than this\n"
        "Dry run: nothing was written"
    )
