"""Names that a listing may trip over, files that are no logs, and what cannot be fetched: nothing is left out silently."""

import os
from pathlib import Path

import pytest

from builders import ACCOUNT, event, key, log, write
from conftest import Tables, run_job, unprivileged
from trailtally.errors import Unreadable
from trailtally.storage import Entry
from trailtally.storage.local import LocalStore

# Names of files, and how the ledger writes them. Each holds one event.
PLAIN = ("a space", "100%", "%41", "plus+", "hash#", "hash#1", "question?", "star*", "[brackets]", "a=b", "~tilde", "$HOME")
NAMES = dict(zip(PLAIN, PLAIN, strict=True)) | {
    "ümlaut-日本": "ümlaut-日本",
    "line\nbreak": "line\nbreak",
    ".hidden": ".hidden",
    "'quote'": "'quote'",
    "latin-\udce9": "latin-\\xe9",
    "back\\xe9": "back\\x5cxe9",
}

# Files whose name or place says that they are no logs.
DAY = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/09"
NO_PLACE = "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"
IGNORED = {
    f"{DAY}/notes.txt": ("2026-03-09", "its name ends in neither .json.gz nor .json"),
    f"{DAY}/a.json.gz.tmp": ("2026-03-09", "its name ends in neither .json.gz nor .json"),
    f"{DAY}/folder.json.gz/a.json.gz": ("2013-11-01", NO_PLACE),
    f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/02/30/a.json.gz": ("2013-11-01", "2026/02/30 in its path is not a day"),
    f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/a.json.gz": ("2013-11-01", NO_PLACE),
    "AWSLogs/a.json.gz": ("2013-11-01", NO_PLACE),
    "top.json": ("2013-11-01", NO_PLACE),
}

# Folders of other kinds of logs.
PASSED = ("CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated", "Config")

# Files that root, too, cannot read: opening one is denied, reading the other at 0 is an I/O error. Linux has them.
DENIED, IO_ERROR = Path("/proc/sys/net/ipv4/route/flush"), Path("/proc/self/mem")

UNREADABLE = {
    key("broken link"): "a link to a file that does not exist",
    key("link to itself"): "too many levels of symbolic links",
    key("pipe"): "neither a file nor a folder",
    f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/loop/": "a link to a folder that it lies in",
    "AWSLogs/loop/": "a link to a folder that it lies in",
    # It may have led to all logs of an account.
    "AWSLogs/444455556666": "a link to a file that does not exist",
    key("denied"): "permission denied",
    key("io error"): "input/output error",
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    if not (DENIED.exists() and IO_ERROR.exists()):
        pytest.skip(f"no {DENIED} or {IO_ERROR} here: no files that even root cannot read")
    folder = tmp_path_factory.mktemp("unreadable")
    tree = write(folder / "tree", {key(name): log(event(f"e{n}")) for n, name in enumerate(NAMES)})
    write(tree, dict.fromkeys(IGNORED, log(event("lost", eventName="Lost"))))
    write(tree, {f"AWSLogs/{ACCOUNT}/{name}/us-east-1/2026/03/09/a.json.gz": log(event("lost")) for name in PASSED})
    (tree / key("broken link")).symlink_to("nowhere")
    (tree / key("link to itself")).symlink_to("link to itself.json.gz")
    (tree / key("link to a file")).symlink_to(tree / key("a=b"))
    os.mkfifo(tree / key("pipe"))
    (tree / f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/loop").symlink_to("..")
    (tree / "AWSLogs/loop").symlink_to("..")
    (tree / "AWSLogs/444455556666").symlink_to("nowhere")
    (tree / key("denied")).symlink_to(DENIED)
    (tree / key("io error")).symlink_to(IO_ERROR)
    return run_job(tree, output=folder / "tables")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_whatever_its_name(tables: Tables, name: str) -> None:
    row = tables.ledger()[key(NAMES[name])]
    assert (row["status"], row["reason"], row["records"], row["delivered"]) == ("read", None, 1, "2026-03-09")


def test_a_link_to_a_file_is_read_as_the_file_is(tables: Tables) -> None:
    row = tables.ledger()[key("link to a file")]
    assert (row["status"], row["reason"], row["records"]) == ("read", None, 1)


@pytest.mark.parametrize("name", IGNORED)
def test_a_file_that_is_no_log_is_ignored_and_in_the_ledger(tables: Tables, name: str) -> None:
    row = tables.ledger()[name]
    assert (row["status"], row["records"], row["delivered"], row["reason"]) == ("ignored", None, *IGNORED[name])


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_fetched_is_unreadable(tables: Tables, name: str) -> None:
    row = tables.ledger()[name]
    assert (row["status"], row["reason"], row["records"]) == ("unreadable", UNREADABLE[name], None)


def test_the_files_that_can_be_read_are_counted(tables: Tables) -> None:
    counted = tables.rows("event_counts", "dt", "event_name", "event_count")
    assert counted == [("2026-03-09", "DescribeInstances", 18)]


def test_the_summary_counts_what_was_not_read_and_what_was_not_entered(tables: Tables) -> None:
    summary = tables.summary
    assert summary.files == {"read": 19, "unreadable": 8, "ignored": 7}
    assert summary.not_whole == 8
    assert summary.passed == dict.fromkeys(PASSED, 1)
    assert (summary.records, summary.events, summary.duplicates) == (19, 18, 1)
    assert len(tables.rows("ledger")) == 19 + 8 + 7


def test_a_denied_file_is_unreadable_and_its_neighbour_is_read(open_folder: Path) -> None:
    for name, mode in (("denied", 0o000), ("open", 0o644)):
        (open_folder / name).write_bytes(b"{}")
        (open_folder / name).chmod(mode)
    with unprivileged():
        assert LocalStore(str(open_folder)).read(str(open_folder / "open"))[0] == b"{}"
        with pytest.raises(Unreadable, match=r"^permission denied$"):
            LocalStore(str(open_folder)).read(str(open_folder / "denied"))


def test_a_denied_folder_is_named_and_not_left_out(open_folder: Path) -> None:
    (open_folder / "denied").mkdir(0o000)
    with unprivileged():
        assert LocalStore(str(open_folder)).folders_to_enter(str(open_folder / "denied")) is None
        entries = list(LocalStore(str(open_folder)).list_tree(str(open_folder)))
    denied = f"{open_folder}/denied/"
    assert entries == [Entry(denied, 0, "", "the folder cannot be listed: permission denied")]


def test_a_link_into_a_denied_folder_costs_its_neighbours_nothing(open_folder: Path) -> None:
    (open_folder / "denied").mkdir(0o000)
    (open_folder / "tree").mkdir()
    (open_folder / "tree" / "a.json").write_bytes(b"{}")
    (open_folder / "tree" / "link.json").symlink_to(open_folder / "denied" / "b.json")
    with unprivileged():
        entries = list(LocalStore(str(open_folder)).list_tree(str(open_folder / "tree")))
    assert [(Path(entry.key).name, entry.problem) for entry in entries] == [
        ("a.json", None),
        ("link.json", "permission denied"),
    ]


def test_a_file_that_is_gone_since_it_was_listed_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"^gone since it was listed$"):
        LocalStore(str(tmp_path)).read(str(tmp_path / "gone"))
