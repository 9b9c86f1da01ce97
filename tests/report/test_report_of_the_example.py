"""What the page says of the example tree. The numbers were counted by hand, in examples/ and what `trailtally show` prints."""

import datetime as dt

from report.conftest import listing, section, stack
from trailtally.report.page import Page
from trailtally.report.pieces import Heat, Quantity, Strip

SHOP, DEVELOPMENT, AUDIT = "111122223333", "444455556666", "123456789012"
ALICE, ROOT, DEPLOY = (f"arn:aws:iam::{SHOP}:{name}" for name in ("user/Alice", "root", "role/ci/Deploy"))
AUTO_SCALING = f"arn:aws:iam::{SHOP}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
BATCH = f"arn:aws:iam::{DEVELOPMENT}:role/Batch"
DEVELOPER = f"arn:aws:iam::{DEVELOPMENT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Developer_0123456789abcdef"
DAYS = ["2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09"]


def at(day: int, time: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-03-{day:02}T{time}")


def test_the_period_at_a_glance(example_report: Page) -> None:
    assert example_report.title == "CloudTrail, 2026-03-05 to 2026-03-09"
    assert {tile.name: (tile.value, tile.note) for tile in example_report.tiles} == {
        "Events": ("283", "on 5 of 5 days"),  # 284 with the one of 2013
        "Accounts": ("3", "in 3 regions"),
        "Actors": ("13", "users, roles, services: 1 new"),
        "RunInstances calls": ("13", "10 launched, 2 failed, 1 dry run"),
        "Instances launched": ("26", "and those of 1 launch of unknown size, up to 400"),
        "Failed calls": ("11", "3.9 % of events"),
        "Denied calls": ("10", "of the failed ones"),
        "Calls of root users": ("3", "with those of services for them"),
        "Files not read": ("1", "76 read"),  # a file is of 2013
        "Gaps": ("0", "days without logs of an account and region"),
    }
    assert [tile.name for tile in example_report.tiles if tile.is_alert] == [
        "Instances launched",
        "Calls of root users",
        "Files not read",
    ]
    assert example_report.alerts == ["1 log file rejected: the bytes are bad"]


def test_what_it_is_about_is_said(example_report: Page) -> None:
    assert example_report.about == [
        "Tables: tables. Made 2026-03-10 06:00 UTC.",
        "All accounts of the tables. The tables hold 2013-11-13 to 2026-03-09.",
    ]


def test_launches_a_day_by_type_and_by_actor(example_report: Page) -> None:
    by_type = stack(example_report, "launches", "Launches a day, by instance type")
    assert by_type.buckets == DAYS
    assert dict(zip(by_type.names, by_type.values, strict=True)) == {
        "m7g.large": [3, 0, 0, 2, 0],
        "t4g.medium": [0, 2, 0, 0, 0],
        "c7g.large": [0, 0, 0, 0, 1],
        "g6.xlarge": [0, 0, 1, 0, 0],
        "p4d.24xlarge": [0, 1, 0, 0, 0],
    }
    by_actor = stack(example_report, "launches", "Launches a day, by actor")
    assert dict(zip(by_actor.names, by_actor.values, strict=True)) == {
        AUTO_SCALING: [0, 0, 0, 2, 0],
        DEPLOY: [2, 0, 0, 0, 0],
        BATCH: [0, 0, 1, 0, 1],
        DEVELOPER: [0, 2, 0, 0, 0],
        ROOT: [0, 1, 0, 0, 0],
        ALICE: [1, 0, 0, 0, 0],
    }


def test_launches_of_unknown_size_are_in_no_bar_and_said_below(example_report: Page) -> None:
    instances = stack(example_report, "launches", "Instances launched a day, by type")
    assert dict(zip(instances.names, instances.values, strict=True)) == {
        "m7g.large": [7, 0, 0, 3, 0],
        "g6.xlarge": [0, 0, 8, 0, 0],
        "p4d.24xlarge": [0, 6, 0, 0, 0],
        "t4g.medium": [0, 2, 0, 0, 0],
    }
    assert instances.note == "Not in the bars: 1 launch of unknown size (2026-03-09 c7g.large, up to 400)."


def test_a_type_has_one_colour_on_the_page(example_report: Page) -> None:
    charts = [
        stack(example_report, "launches", f"{what} type")
        for what in ("Launches a day, by instance", "Instances launched a day, by")
    ]
    by_launches, by_instances = (dict(zip(chart.names, chart.colours, strict=True)) for chart in charts)
    assert by_launches == {"m7g.large": 0, "g6.xlarge": 1, "t4g.medium": 2, "c7g.large": 3, "p4d.24xlarge": 4}
    assert by_launches | by_instances == by_launches


def test_who_launched(example_report: Page) -> None:
    assert listing(example_report, "launches", "Who launched").rows == [
        (BATCH, 2, 8, Quantity("1, up to 400 instances asked for", 400), 1, 0, 1, at(9, "01:15:33")),
        (ROOT, 1, 6, 0, 0, 0, 1, at(6, "23:58:41")),
        (DEPLOY, 2, 4, 0, 0, 0, 1, at(5, "13:37:09")),
        (AUTO_SCALING, 2, 3, 0, 0, 0, 1, at(8, "18:03:12")),
        (ALICE, 1, 3, 0, 0, 1, 2, at(5, "19:02:51")),
        (DEVELOPER, 2, 2, 0, 1, 0, 2, at(6, "16:20:05")),
    ]


def test_every_launch_is_listed_the_newest_first(example_report: Page) -> None:
    launches = listing(example_report, "launches", "Every launch")
    boto = "Boto3/1.37.4 md/Botocore#1.37.4 ua/2.0 os/linux#6.1.128 md/arch#aarch64 lang/python#3.13.2"
    of_batch = (BATCH, "nightly", "192.0.2.60")
    virginia = (DEVELOPMENT, "us-east-1", boto)
    unknown = Quantity("unknown: 1 to 400 asked for", 400)
    assert launches.shown == "13 rows, the newest first"
    assert launches.rows[0] == (at(9, "01:15:33"), *of_batch, unknown, "c7g.large", "launched, on-demand", *virginia)
    assert launches.rows[3] == (at(7, "01:31:26"), *of_batch, 8, "g6.xlarge", "launched, spot", *virginia)
    no_room = "failed: Server.InsufficientInstanceCapacity"
    assert launches.rows[4] == (at(7, "01:30:00"), *of_batch, 0, "p5.48xlarge", no_room, *virginia)
    assert [row[6] for row in launches.rows].count("dry run, nothing launched") == 1


def test_what_is_new_without_a_history_is_what_came_after_the_first_day(example_report: Page) -> None:
    assert section(example_report, "new").notes == [
        "No history: the tables hold nothing of the 90 days before 2026-03-05. That first day stands for it: listed is what was "
        "first seen on 2026-03-06 or later."
    ]
    first = (at(6, "23:58:41"), ROOT, "Root", SHOP, "203.0.113.77", "ec2.amazonaws.com RunInstances", 3)
    assert listing(example_report, "new", "New actors").rows == [first]
    assert listing(example_report, "new", "New addresses").rows == [
        (at(6, "23:58:41"), "203.0.113.77", ROOT, "ec2.amazonaws.com RunInstances", 1, 3)
    ]
    assert listing(example_report, "new", "Regions that an account had not used before").rows == []


def test_root_use_and_denials(example_report: Page) -> None:
    ec2, address = "ec2.amazonaws.com", "203.0.113.77"
    assert listing(example_report, "root", "Calls of root users").rows == [
        (SHOP, ROOT, ec2, "DescribeInstances", address, None, None, 2, at(6, "23:59:52"), at(7, "00:00:00")),
        (SHOP, ROOT, ec2, "RunInstances", address, None, None, 1, at(6, "23:58:41"), at(6, "23:58:41")),
    ]
    denied = listing(example_report, "denied", "Calls that were denied").rows
    assert sum(row[5] for row in denied if isinstance(row[5], int)) == len(denied) == 10
    code = "Client.UnauthorizedOperation"
    assert denied[6] == (DEVELOPER, DEVELOPMENT, ec2, "RunInstances", code, 1, 1, at(6, "09:31:17"))


def test_the_busiest_apis(example_report: Page) -> None:
    apis = listing(example_report, "apis", "Busiest APIs")
    assert apis.shown == "24 rows, the busiest first"
    assert list(apis.rows[:3]) == [
        ("s3.amazonaws.com", "GetBucketAcl", 56, 2, 2, 3),
        ("ec2.amazonaws.com", "DescribeInstances", 36, 2, 6, 3),
        ("kms.amazonaws.com", "Decrypt", 24, 1, 3, 2),
    ]


def test_events_a_day_by_account_and_by_service(example_report: Page) -> None:
    accounts = stack(example_report, "events", "Events a day, by account")
    assert dict(zip(accounts.names, accounts.values, strict=True)) == {
        SHOP: [41, 39, 22, 23, 37],
        DEVELOPMENT: [18, 24, 11, 9, 19],
        AUDIT: [8, 8, 8, 8, 8],
    }
    services = stack(example_report, "events", "Events a day, by service")
    assert (services.names[0], services.names[-1], sum(services.totals)) == ("ec2.amazonaws.com", "others (6)", 283)
    assert services.totals == [93, 78, 24, 20, 18, 17, 11, 22]


def test_hours_of_activity_add_up_to_all_events(example_report: Page) -> None:
    (heat,) = section(example_report, "hours").parts
    assert isinstance(heat, Heat)
    # The 9th is a Monday, and no day of the example a Tuesday or Wednesday.
    assert [sum(hours) for hours in heat.values] == [64, 0, 0, 67, 71, 41, 40]
    assert heat.values[4][23] == 3  # of root before midnight


def test_coverage_names_the_files_that_were_not_read_and_the_late_ones(example_report: Page) -> None:
    whole = Strip("wwwww")
    assert listing(example_report, "coverage", "Logs of each account and region").rows == [
        (SHOP, "eu-west-1", whole, 5, 0, 21, 111, 2),
        (SHOP, "us-east-1", whole, 5, 0, 19, 51, 1),
        (AUDIT, "ap-southeast-2", whole, 5, 0, 14, 40, 0),
        (DEVELOPMENT, "eu-west-1", whole, 5, 0, 18, 58, 0),
        (DEVELOPMENT, "us-east-1", whole, 5, 0, 5, 23, 0),
    ]
    (broken,) = listing(example_report, "coverage", "Files that were not read whole").rows
    assert (broken[0], broken[2], broken[3]) == ("2026-03-09", "rejected", "truncated gzip: the file ends before its data does")
    assert str(broken[1]).endswith("_20260309T1413Z_Example91112E2CB.json.gz")
    late = listing(example_report, "coverage", "Files that came late, and are counted").rows
    # A launch of Friday came on Monday, and the correction of one of Thursday on Saturday.
    assert [row[:4] for row in late] == [("2026-03-09", 3, "2026-03-06", 4), ("2026-03-07", 2, "2026-03-05", 1)]
