"""What a run has to do, in batches, and the text that a dry run prints. What of a day is to do: tests/stages/test_planning.py."""

from collections import Counter

import pytest

from builders import ACCOUNT, OTHER_ACCOUNT
from trailtally.run.plan import Batch, DayPlan, Plan, Split, batches, tasks_of
from trailtally.run.plan_text import plan_text
from trailtally.stages import planning
from trailtally.tables.ledger import UNDATED

SUNDAY, MONDAY, TUESDAY = "2026-03-08", "2026-03-09", "2026-03-10"
KILOBYTE, MEGABYTE = 1_000, 1_000_000


def day(name: str, files: int, size: int, *places: tuple[str, str, int, int]) -> DayPlan:
    """Return a day with one split."""
    return DayPlan(name, [Split(f"{name}-00000", files, size)], list(places))


def days_of(made: list[Batch]) -> list[list[str]]:
    return [[of.day for of in batch.days] for batch in made]


@pytest.mark.parametrize(
    ("sizes", "made"),
    [
        ([], []),
        ([10], [["d0"]]),
        ([4, 6], [["d0", "d1"]]),  # they fit exactly
        ([4, 7], [["d0"], ["d1"]]),
        # A day is never cut, and one that is too large is a batch by itself.
        ([11], [["d0"]]),
        ([1, 99, 1], [["d0"], ["d1"], ["d2"]]),
        # What comes after is never put before: d2 would fit into the first.
        ([3, 8, 2, 1], [["d0"], ["d1", "d2"], ["d3"]]),
        ([0, 0], [["d0", "d1"]]),
    ],
)
def test_days_make_batches_of_ten_bytes_or_one_day(sizes: list[int], made: list[list[str]]) -> None:
    assert days_of(batches([day(f"d{n}", 1, size) for n, size in enumerate(sizes)], 10)) == made


def test_a_day_with_nothing_to_do_is_in_no_batch() -> None:
    assert days_of(batches([DayPlan("d0", [], []), day("d1", 1, 1)], 10)) == [["d1"]]


def test_each_file_is_in_one_batch() -> None:
    days = [day(f"d{n:04}", n % 7, n * n % 97) for n in range(1000)]
    made = batches(days, 250)
    assert [name for names in days_of(made) for name in names] == [of.day for of in days]
    assert sum(batch.files for batch in made) == sum(of.files for of in days)
    assert max(batch.bytes for batch in made) <= 250


def test_small_splits_of_many_days_are_read_by_one_task_and_large_ones_by_one_each() -> None:
    small, large = Split("s", 10, KILOBYTE), Split("l", 10, planning.SPLIT_BYTES)
    assert [len(task) for task in tasks_of([small] * 900)] == [800, 100]  # 8,000 files
    assert [len(task) for task in tasks_of([large, large, small])] == [1, 1, 1]
    assert tasks_of([]) == []
    splits = [Split(str(n), n % 3, n * KILOBYTE) for n in range(100)]
    assert [split for task in tasks_of(splits) for split in task] == splits


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ([day(MONDAY, 1, 0)], "delivered 2026-03-09: 1 log file, 0.0 MB compressed"),
        (
            [day("2026-03-07", 1000, 5_000_000_000), day(SUNDAY, 200, 678_900_000), day(MONDAY, 34, 0)],
            "delivered 2026-03-07 to 2026-03-09: 1,234 log files, 5,678.9 MB compressed",
        ),
        # The days of other objects are not spoken of.
        ([day(UNDATED, 0, 0), day(SUNDAY, 2, 99_999), day(MONDAY, 0, 0)], "delivered 2026-03-08: 2 log files, 0.1 MB compressed"),
        ([day(UNDATED, 0, 0), day(MONDAY, 0, 0)], "no log file to read"),
    ],
)
def test_a_batch_is_told_by_its_log_files(days: list[DayPlan], text: str) -> None:
    assert str(Batch(days)) == text


def test_the_plan_as_text() -> None:
    us = (ACCOUNT, "us-east-1")
    plan = Plan(
        [
            Batch([day(SUNDAY, 2, 2 * MEGABYTE, (*us, 2, 2 * MEGABYTE))]),
            Batch([day(MONDAY, 2, 1_234_617_889, (*us, 1, 1_234_567_890), (ACCOUNT, "ap-southeast-2", 1, 49_999))]),
            Batch([day(TUESDAY, 1, 2 * MEGABYTE, (OTHER_ACCOUNT, "us-east-1", 1, 2 * MEGABYTE))]),
        ],
        known=Counter(read=1, ignored=1),
    )
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
        "batch 3: delivered 2026-03-10: 1 log file, 2.0 MB compressed\n"
        "days of events that they would touch: as a rule 2026-03-07 to 2026-03-10, the days of delivery and the one before. "
        "Others, whose events came late, show only when the files are read\n"
        "Dry run: nothing was written"
    )


def test_the_plan_as_text_speaks_of_no_day_that_has_no_log_file() -> None:
    monday = day(MONDAY, 1, 2 * MEGABYTE, (ACCOUNT, "us-east-1", 1, 2 * MEGABYTE))
    plan = Plan([Batch([day(UNDATED, 0, 0), day(SUNDAY, 0, 0)]), Batch([monday]), Batch([day(TUESDAY, 0, 0)])])
    text = plan_text(plan, since=None, pending=False).splitlines()
    assert [line for line in text if line.startswith("batch")] == ["batch 2: delivered 2026-03-09: 1 log file, 2.0 MB compressed"]
    assert "as a rule 2026-03-08 to 2026-03-09" in text[-2]


def test_the_plan_as_text_takes_any_region_and_any_day_that_a_path_may_have() -> None:
    days = [day("0001-01-01", 1, 10, (ACCOUNT, "eu\x1b[2J\n", 1, 10)), day("9999-12-31", 1, 10, (ACCOUNT, "us-east-1", 1, 10))]
    lines = plan_text(Plan([Batch(days)]), since=None, pending=False).splitlines()
    assert lines[3] == r"111122223333  eu\x1b[2J\n            1          0.0  0001-01-01 to 0001-01-01"
    assert "as a rule 0001-01-01 to 9999-12-31" in lines[-2]


def test_the_plan_as_text_where_there_is_nothing_to_read_and_what_it_does_not_know() -> None:
    plan = Plan(known=Counter(read=1))
    assert plan_text(plan, since=None, pending=False) == (
        "0 log files to read, 0.0 MB compressed; 1 object known\nDry run: nothing was written"
    )
    assert plan_text(plan, since=MONDAY, pending=True) == (
        "0 log files to read, 0.0 MB compressed; 1 object known\n"
        "not looked at: what was delivered before 2026-03-09 (--delivered-since)\n"
        "a killed run was publishing: a run finishes that first, and may then have less to read than this\n"
        "Dry run: nothing was written"
    )
