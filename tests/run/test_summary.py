"""What a run did: gathered batch by batch, and the text that it ends with."""

from collections import Counter
from dataclasses import replace

import pytest

from trailtally.run.costs import Dollars
from trailtally.run.summary import Day, StatusCounts, Summary, summary_text

COMPLETE = Summary(
    output="/data/tables",
    run_id="20260310T010203Z-0a1b2c3d",
    files=Counter(read=1234),
    records=5000,
    # Of older files, too: there are more records on these days than in the files read.
    days={"2026-03-09": Day(records=5000, events=4100, launches=10), "2026-03-08": Day(records=679, events=579, launches=2)},
    seconds=12.34,
)
INCOMPLETE = Summary(
    output="/data/new\nline",
    run_id="20260310T010203Z-0a1b2c3d",
    files=Counter(read=2, rejected=1, unreadable=1, ignored=1000),
    passed=Counter({"Config": 1, "CloudTrail-Digest": 2000}),
    records=1,
    rejected_records=1,
    problems=[("/a\x1b.json.gz", "rejected", "truncated gzip"), ("/b.json.gz", "read", "1 of 1 records rejected")],
    partly_read=1,
)
NOTHING_NEW = Summary(
    output="/data/tables",
    run_id="20260310T010203Z-0a1b2c3d",
    known=Counter(read=1_234_567),
    seconds=3.21,
)
NOT_COUNTED = (
    "NOT COUNTED: 1,005 records came for days whose events somebody removed from the output. These days stay as they were "
    "published; what came is in coverage.late_uncounted, by account and region:"
)
NOT_COMPLETE = "not read whole. What was rejected or unreadable is not counted:"
LIST = "\"SELECT status, file_key, reason FROM ledger WHERE status IN ('rejected', 'unreadable') OR rejected_records > 0\""


def test_the_summary_of_a_complete_run() -> None:
    assert summary_text(COMPLETE).splitlines() == [
        "files:    1,234 read, 0 rejected (bad bytes), 0 unreadable (could not be fetched), 0 ignored (no log files)",
        "records:  5,000 in the files read, 0 of them rejected",
        "days:     2 (2026-03-08 to 2026-03-09)",
        "          5,679 records = 4,679 events + 1,000 duplicates",
        "launches: 12 RunInstances calls on these days",
        "output:   /data/tables (run 20260310T010203Z-0a1b2c3d, 12.3 s)",
    ]


def test_the_summary_of_an_incomplete_run_names_what_was_not_read_whole() -> None:
    assert summary_text(INCOMPLETE).splitlines() == [
        "files:    2 read, 1 rejected (bad bytes), 1 unreadable (could not be fetched), 1,000 ignored (no log files)",
        "records:  1 in the files read, 1 of them rejected",
        "days:     none",
        r"output:   /data/new\nline (run 20260310T010203Z-0a1b2c3d, 0.0 s)",
        "folders not entered, as they hold logs of other kinds: 2,000 x CloudTrail-Digest, 1 x Config",
        f"NOT COMPLETE: 3 files {NOT_COMPLETE}",
        r"  /a\x1b.json.gz",
        "    rejected: truncated gzip",
        "  /b.json.gz",
        "    read: 1 of 1 records rejected",
        "  and 1 more",
        "  A rejected file is read again once it changes, an unreadable one by every run. To list all of them:",
        r"  trailtally sql '/data/new\nline' " + LIST,
    ]


def test_where_all_problems_are_named_no_others_are_spoken_of() -> None:
    one = replace(INCOMPLETE, files=Counter(read=9, rejected=1), problems=INCOMPLETE.problems[:1], partly_read=0)
    assert summary_text(one).splitlines()[-5:-2] == [
        f"NOT COMPLETE: 1 file {NOT_COMPLETE}",
        r"  /a\x1b.json.gz",
        "    rejected: truncated gzip",
    ]


def test_of_many_problems_ten_are_named() -> None:
    problems = [(f"/{n:02}.json.gz", "rejected", "truncated gzip") for n in range(10)]
    many = replace(INCOMPLETE, files=Counter(rejected=1010), problems=problems, partly_read=0)
    lines = summary_text(many).splitlines()
    assert lines[-24:-21] == [f"NOT COMPLETE: 1,010 files {NOT_COMPLETE}", "  /00.json.gz", "    rejected: truncated gzip"]
    assert lines[-5:-2] == ["  /09.json.gz", "    rejected: truncated gzip", "  and 1,000 more"]


def test_a_run_that_had_nothing_to_look_into_says_so() -> None:
    assert summary_text(NOTHING_NEW).splitlines() == [
        "nothing new: 1,234,567 objects known from earlier runs. Nothing was written",
        "output:   /data/tables (run 20260310T010203Z-0a1b2c3d, 3.2 s)",
    ]


@pytest.mark.parametrize(
    ("known", "line"),
    [
        (Counter(read=1233), "          beside 1,233 objects known from earlier runs"),
        (
            Counter(read=2000, rejected=1, ignored=1000),
            "          beside 3,001 objects known from earlier runs, of them 1 rejected and 1,000 ignored",
        ),
        (Counter(ignored=1), "          beside 1 object known from earlier runs, of them 1 ignored"),
    ],
)
def test_what_is_known_from_earlier_runs_stands_below_what_is_new(known: Counter[str], line: str) -> None:
    assert summary_text(replace(COMPLETE, known=known)).splitlines()[:3] == [
        "files:    1,234 read, 0 rejected (bad bytes), 0 unreadable (could not be fetched), 0 ignored (no log files)",
        line,
        "records:  5,000 in the files read, 0 of them rejected",
    ]


def test_what_was_not_looked_at_is_said() -> None:
    some = replace(NOTHING_NEW, since="2026-03-09", left_days=["2026-03-08"], passed=Counter({"Config": 1}))
    assert summary_text(some).splitlines()[2:] == [
        "not looked at: what was delivered before 2026-03-09 (--delivered-since)",
        "folders not entered, as they hold logs of other kinds: 1 x Config",
        "days left as they were published, as fewer records can be read again than were: 1 (2026-03-08)",
    ]


def test_days_that_a_rebuild_left_are_counted_with_their_ends() -> None:
    days = [f"2026-03-{day:02}" for day in (9, 1, 5)]
    assert summary_text(replace(COMPLETE, left_days=days)).splitlines()[-1] == (
        "days left as they were published, as fewer records can be read again than were: 3 (2026-03-01 to 2026-03-09)"
    )


def test_records_that_came_too_late_are_told_by_day() -> None:
    late = replace(COMPLETE, late=Counter({"2026-03-09": 5, "2026-03-08": 1000}))
    assert summary_text(late).splitlines()[-3:] == [NOT_COUNTED, "  2026-03-08: 1,000", "  2026-03-09: 5"]


def test_of_many_days_with_late_records_ten_are_named() -> None:
    late = Counter({f"2026-03-{day:02}": 1 for day in range(1, 12)}) + Counter({"2026-02-28": 994})
    lines = summary_text(replace(COMPLETE, late=late)).splitlines()
    assert lines[-12:] == [
        NOT_COUNTED,
        "  2026-02-28: 994",
        *(f"  2026-03-0{day}: 1" for day in range(1, 10)),
        "  and 2 more days",
    ]


def test_launches_that_failed_and_dry_runs_are_told_apart() -> None:
    days = {"2026-03-08": Day(9, 9, launches=5, failed=2, dry_runs=0), "2026-03-09": Day(9, 9, launches=1, failed=0, dry_runs=1)}
    line = "launches: 6 RunInstances calls on these days: 3 launched, 2 failed, 1 dry run"
    assert summary_text(replace(COMPLETE, days=days)).splitlines()[4] == line


def test_one_of_anything_is_told_as_one() -> None:
    one = replace(COMPLETE, days={"2026-03-09": Day(records=1, events=1, launches=1)}, late=Counter({"2026-03-08": 1}))
    lines = summary_text(one).splitlines()
    assert lines[3:5] == ["          1 record = 1 event + 0 duplicates", "launches: 1 RunInstances call on these days"]
    assert lines[-2].startswith("NOT COUNTED: 1 record came for days whose events somebody removed from the output. ")


def test_late_records_are_told_before_files_that_were_not_read() -> None:
    lines = summary_text(replace(INCOMPLETE, late=Counter({"2026-03-08": 1005}))).splitlines()
    assert lines[5:8] == [NOT_COUNTED, "  2026-03-08: 1,005", f"NOT COMPLETE: 3 files {NOT_COMPLETE}"]


def test_the_requests_to_s3_are_told_and_what_they_cost_where_that_is_known() -> None:
    made = replace(COMPLETE, counted=Counter(lists=382, gets=3320, puts=16, bytes_in=26_100_000, bytes_out=500_000))
    line = "S3:       382 LIST, 3,320 GET, 16 PUT and COPY; 26.1 MB read, 0.5 MB written"
    assert line in summary_text(made).splitlines()
    told = summary_text(replace(made, dollars=Dollars(0.00332, 0.00231))).splitlines()
    assert f"{line}; about $0.0033, and $0.0023 more where that left S3's region" in told


def test_a_run_is_complete_where_all_that_it_looked_into_is_counted() -> None:
    assert COMPLETE.complete
    assert NOTHING_NEW.complete
    assert replace(COMPLETE, files=Counter(read=1, ignored=1), known=Counter(rejected=1)).complete
    assert not replace(COMPLETE, files=Counter(rejected=1)).complete
    assert not replace(COMPLETE, files=Counter(unreadable=1)).complete
    assert not replace(COMPLETE, partly_read=1).complete
    assert not replace(COMPLETE, late=Counter({"2026-03-08": 1})).complete


def test_batches_add_up() -> None:
    summary = Summary("/data/tables", "run-1")
    summary.add_files(
        {"read": StatusCounts(files=3, records=30, rejected_records=2, partly_read=1), "rejected": StatusCounts(1, 0, 0, 0)},
        [("/c", "read", "2 of 9 records rejected"), ("/d", "rejected", "truncated gzip")],
    )
    summary.add_files({"read": StatusCounts(4, 40, 0, 0), "ignored": StatusCounts(5, 0, 0, 0)}, [])
    summary.add_files({"unreadable": StatusCounts(1, 0, 0, 0)}, [("/a", "unreadable", "permission denied")])
    assert summary == Summary(
        "/data/tables",
        "run-1",
        files=Counter(read=7, rejected=1, ignored=5, unreadable=1),
        records=70,
        rejected_records=2,
        partly_read=1,
        problems=[
            ("/a", "unreadable", "permission denied"),
            ("/c", "read", "2 of 9 records rejected"),
            ("/d", "rejected", "truncated gzip"),
        ],
    )
    assert summary.not_whole == 3


def test_of_all_batches_the_first_ten_problems_are_kept_by_key() -> None:
    summary = Summary("/data/tables", "run-1")
    for first in (5, 0, 10):
        problems = [(f"/{n:02}", "rejected", "truncated gzip") for n in range(first, first + 5)]
        summary.add_files({"rejected": StatusCounts(5, 0, 0, 0)}, problems)
    assert [key for key, _, _ in summary.problems] == ["/00", "/01", "/02", "/03", "/04", "/05", "/06", "/07", "/08", "/09"]
    assert summary.not_whole == 15


def test_the_sums_are_those_of_the_days() -> None:
    assert (COMPLETE.events, COMPLETE.duplicates, COMPLETE.launches) == (4679, 1000, 12)
    assert (NOTHING_NEW.events, NOTHING_NEW.duplicates, NOTHING_NEW.launches) == (0, 0, 0)


def test_where_nothing_was_delivered_for_days_it_asks_whether_the_trail_still_logs() -> None:
    stopped = replace(NOTHING_NEW, known=Counter(), since="2026-03-01")
    assert summary_text(stopped).splitlines()[-2:] == [
        "not looked at: what was delivered before 2026-03-01 (--delivered-since)",
        "nothing was delivered since 2026-03-01. Is the trail still logging? (aws cloudtrail get-trail-status)",
    ]
    assert "still logging" not in summary_text(replace(NOTHING_NEW, since="2026-03-01"))
