"""The whole job over the example tree: what `make demo` shows must be what the tree was made to hold."""

import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conftest import read_table, run_job
from trailtally.cli.show import Question, show
from trailtally.run.summary import Summary, summary_text
from trailtally.storage import open_store
from trailtally.terminal import printable

EXAMPLES = Path(__file__).parents[2] / "examples"
README = Path(__file__).parents[2] / "README.md"

SHOP, DEVELOPMENT = "111122223333", "444455556666"
ALICE, ROOT, DEPLOY = (f"arn:aws:iam::{SHOP}:{name}" for name in ("user/Alice", "root", "role/ci/Deploy"))
AUTO_SCALING = f"arn:aws:iam::{SHOP}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
BATCH = f"arn:aws:iam::{DEVELOPMENT}:role/Batch"
DEVELOPER = f"arn:aws:iam::{DEVELOPMENT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Developer_0123456789abcdef"
TRUNCATED = "AWSLogs/o-exampleorg/444455556666/CloudTrail/eu-west-1/2026/03/09/"


@pytest.fixture(scope="module")
def script() -> Iterator[dict[str, Any]]:
    """The names in make_tree.py, without running it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        yield runpy.run_path(str(EXAMPLES / "make_tree.py"))


class Made(NamedTuple):
    """The example tree, and what one run over it said and wrote."""

    tree: Path
    summary: Summary
    output: Path

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of a table's rows, in the order written."""
        return [tuple(row.values()) for row in read_table(self.output, table).select(columns).to_pylist()]


@pytest.fixture(scope="module")
def made(script: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("example")
    script["replace_tree"](folder / "tree", script["example_tree"]())
    return Made(folder / "tree", run_job(folder / "tree", output=folder / "tables").summary, folder / "tables")


def shown(made: Made, rows: int) -> str:
    return show(open_store(str(made.output)), Question(rows=rows), output_name="tables")


def test_the_job_finds_in_the_example_tree_what_was_put_there(made: Made, script: dict[str, Any]) -> None:
    summary, expected = made.summary, script["EXPECTED"]
    assert {
        "read": summary.files["read"],
        "rejected": summary.files["rejected"],
        "records": summary.records,
        "events": summary.events,
        "duplicates": summary.duplicates,
        "launches": summary.launches,
        "days": sorted(summary.days),
    } == expected
    assert (summary.files["ignored"], summary.files["unreadable"], summary.rejected_records) == (0, 0, 0)
    assert summary.passed == {"CloudTrail-Digest": 1}

    # The one file that is not read is named, with its reason.
    [(key, status, reason)] = summary.problems
    assert key.startswith(f"{made.tree}/{TRUNCATED}")
    assert (status, reason) == ("rejected", "truncated gzip: the file ends before its data does")

    columns = ("event_time", "actor", "session_name", "source_ip", "instance_count", "lifecycle", "error_code")
    launches = [(f"{row[0]:%Y-%m-%d %H:%M:%S}", *row[1:]) for row in made.rows("launches", *columns)]
    assert launches == [
        # The article's: its address is no address.
        ("2013-11-13 21:21:00", ALICE, None, "65.160.18.XXX", 1, "on-demand", None),
        # Five were asked for.
        ("2026-03-05 08:14:22", ALICE, None, "198.51.100.7", 3, "on-demand", None),
        ("2026-03-05 11:40:03", DEPLOY, "deploy-1843", "192.0.2.44", 2, "on-demand", None),
        # The later record of it, which has the response.
        ("2026-03-05 13:37:09", DEPLOY, "deploy-1844", "192.0.2.44", 2, "on-demand", None),
        ("2026-03-05 19:02:51", ALICE, None, "2001:db8:4:12::a11c:e", 0, "on-demand", "Client.DryRunOperation"),
        ("2026-03-06 09:31:17", DEVELOPER, "mina@example.com", "2001:db8:91::7", 0, "on-demand", "Client.UnauthorizedOperation"),
        ("2026-03-06 10:05:44", DEVELOPER, "diego@example.com", "198.51.100.23", 1, "on-demand", None),
        # Delivered on Monday.
        ("2026-03-06 16:20:05", DEVELOPER, "diego@example.com", "198.51.100.23", 1, "on-demand", None),
        # Delivered on Saturday's path.
        ("2026-03-06 23:58:41", ROOT, None, "203.0.113.77", 6, "on-demand", None),
        ("2026-03-07 01:30:00", BATCH, "nightly", "192.0.2.60", 0, "on-demand", "Server.InsufficientInstanceCapacity"),
        ("2026-03-07 01:31:26", BATCH, "nightly", "192.0.2.60", 8, "spot", None),
        # Delivered twice.
        ("2026-03-08 17:48:10", AUTO_SCALING, "AutoScaling", "autoscaling.amazonaws.com", 2, "on-demand", None),
        ("2026-03-08 18:03:12", AUTO_SCALING, "AutoScaling", "autoscaling.amazonaws.com", 1, "on-demand", None),
        # 400 were asked for; how many came is not known.
        ("2026-03-09 01:15:33", BATCH, "nightly", "192.0.2.60", None, "on-demand", None),
    ]


def test_the_record_of_the_article_is_a_launch_like_any_other(made: Made) -> None:
    assert read_table(made.output, "launches").to_pylist()[0] | {"event_time": None} == {
        "dt": "2013-11-13",
        "event_time": None,
        "event_id": None,
        "account_id": SHOP,
        "region": "us-east-1",
        "actor": ALICE,
        "actor_type": "IAMUser",
        "session_name": None,
        "invoked_by": None,
        "access_key_id": None,
        "mfa": None,
        "source_ip": "65.160.18.XXX",
        "user_agent": "EC2ConsoleBackend",
        "instance_count": 1,
        "min_count": 1,
        "max_count": 1,
        "instance_ids": ["i-2013abcd"],
        "instance_types": ["t1.micro"],
        "image_ids": ["ami-35792c5c"],
        "key_name": "alice",
        "lifecycle": "on-demand",
        "error_code": None,
        "error_message": None,
    }


def test_every_kind_of_caller_is_in_it(made: Made) -> None:
    callers = set(made.rows("event_counts", "actor", "actor_type", "invoked_by", "source_ip"))
    store = f"arn:aws:identitystore::{DEVELOPMENT}:identitystore/d-9067example"
    assert callers >= {
        (ROOT, "Root", None, "203.0.113.77"),
        (DEPLOY, "AssumedRole", None, "192.0.2.44"),
        (AUTO_SCALING, "AssumedRole", "autoscaling.amazonaws.com", "autoscaling.amazonaws.com"),
        (f"arn:aws:iam::{SHOP}:role/service-role/AWSBackupDefaultServiceRole", "AssumedRole", "AWS Internal", "AWS Internal"),
        ("cloudtrail.amazonaws.com", "AWSService", "cloudtrail.amazonaws.com", "cloudtrail.amazonaws.com"),
        (f"{store}/user/92b7e4a1-70d1-70c2-9b3a-4f6f0c1d2e3f", "IdentityCenterUser", None, "198.51.100.23"),
        # Of another account its principal is known, whatever the session is called.
        ("123456789012/AROASCANNERXXXXXX", "AWSAccount", None, "192.0.2.90"),
    }


def test_readme_shows_what_the_run_says(made: Made) -> None:
    run_id, place = "20261126T232238Z-c79c427c", "~/trailtally/build/example-"
    said = summary_text(replace(made.summary, run_id=run_id, seconds=1.2)).replace(f"{made.output}", f"{place}tables")
    assert f"```\n{said.replace(str(made.tree), f'{place}tree')}\n```\n" in README.read_text()


def test_show_has_two_lines_for_a_launch_and_cuts_neither_address_nor_arn(made: Made) -> None:
    lines = shown(made, 20).splitlines()
    night, refused, unknown = (
        next(n for n, line in enumerate(lines) if line.startswith(f"  {when}"))
        for when in ("2026-03-06 23:58:41", "2026-03-06 09:31:17", "2026-03-09 01:15:33")
    )
    assert lines[night].split() == [
        *("2026-03-06", "23:58:41", SHOP, "us-east-1", "203.0.113.77", "6", "p4d.24xlarge", "launched,", "on-demand")
    ]
    assert lines[night + 1] == f"      {ROOT}, Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko…"
    assert "2001:db8:91::7" in lines[refused]
    assert lines[refused].endswith("failed: Client.UnauthorizedOperation")
    assert lines[refused + 1].startswith(f"      {DEVELOPER} in session mina@example.com, aws-cli/2.24.9 ")
    assert lines[unknown].endswith("launched, on-demand; CloudTrail left out how many, 1 to 400 asked for")
    assert lines[-2:] == [
        "  2026-03-09  rejected  truncated gzip: the file ends before its data does",
        f"      {made.summary.problems[0][0]}",
    ]


def test_show_gives_the_newest_of_too_many_and_says_so(made: Made) -> None:
    launches, _, days, _ = (part.splitlines() for part in shown(made, 1).split("\n\n"))
    assert launches[0] == "RunInstances calls, who made them and with what client (the newest 1 of 14: --rows)"
    assert launches[2].startswith("  2026-03-09 01:15:33")
    assert days[0] == "Days of the events, UTC (the newest 1 of 6: --rows)"
    assert days[2].split() == ["2026-03-09", "3", "13", "64", "0", "64", "0"]


def test_a_caller_cannot_command_the_terminal() -> None:
    assert printable("curl\x1b[2J\r\nroot é \udce9") == r"curl\x1b[2J\r\nroot é \udce9"
