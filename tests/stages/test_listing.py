"""The list stage: a tree -> places -> its objects. On a folder of this machine, and on keys as S3 lists them."""

import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import ACCOUNT, OTHER_ACCOUNT, key, write
from trailtally.errors import TaskFailed, TrailtallyError, UsageError
from trailtally.stages import parts
from trailtally.stages.listing import LISTED, list_place
from trailtally.stages.places import (
    Listing,
    Place,
    Places,
    check_input_text,
    cut_places,
    find_places,
    no_log_file_message,
)
from trailtally.storage import Entry, Peek, Store, StoreError, open_store
from trailtally.tables import ledger

REGION = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1"
NO_LOG_PATH = "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"
MACOS = "macOS put it beside a copied file (its name begins with ._): it holds no records"


@dataclass
class Bucket:
    """Keys of a bucket, each of one byte, as S3 lists them: in the order of their bytes, folders by their delimiter."""

    keys: list[str]
    root: str = "s3://logs"
    is_remote: bool = True
    is_denied: Callable[[str], bool] = lambda _: False
    page: int = 1000

    def _names(self, path: str) -> list[str]:
        prefix = f"{path}/".removeprefix("s3://logs/")
        if self.is_denied(path):
            raise StoreError(f"{path}: access denied")
        return sorted(key.removeprefix(prefix) for key in self.keys if key.startswith(prefix))

    def _entry(self, path: str, name: str) -> Entry:
        return Entry(f"{path}/{name}", 1, "tag", None)

    def is_folder(self, path: str) -> bool:
        return bool(self._names(path))

    def identity(self, path: str) -> str:
        return path

    def entry_at(self, path: str) -> Entry:
        return Entry(path, 1, "tag", None)

    def list_files(self, path: str) -> Iterator[Entry]:
        return (self._entry(path, name) for name in self._names(path) if "/" not in name)

    def folders_to_enter(self, path: str) -> list[str]:
        return [f"{path}/{name}" for name in sorted({name.partition("/")[0] for name in self._names(path) if "/" in name})]

    def list_tree(self, path: str, after: str = "", last: str = "") -> Iterator[Entry]:
        names = self._names(path)
        return (self._entry(path, n) for n in names if (not after or n > after) and (not last or n <= last))

    def peek(self, path: str, after: str = "") -> Peek:
        names = [name for name in self._names(path) if not after or name > after]
        page = names[: self.page] or [""]
        return Peek(page[0], page[-1], len(names) > self.page)

    def describe(self, path: str, error: OSError) -> str:
        return f"{path}: {error}"


def bucket(*keys: str, **options: Any) -> Store:
    return cast(Store, Bucket(list(keys), **options))


@pytest.fixture(params=["local", "s3"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Store]:
    """Makes a tree of these keys, seen from a level of it."""

    def make(*keys: str, below: str = "") -> Store:
        suffix = f"/{below}" if below else ""
        if request.param == "s3":
            return bucket(*keys, root=f"s3://logs{suffix}")
        write(tmp_path, dict.fromkeys(keys, b"1"))
        return open_store(f"{tmp_path}{suffix}")

    return make


def relative(store: Store, path: str) -> str:
    """A key or path of a `tree`, without where the tree lies."""
    return re.sub(r"^(?:s3://logs|/.*?/test_[^/]*)/?", "", path)


def rows(store: Store, since: str | None = None) -> list[dict[str, Any]]:
    """All rows of a store's tree, by key, without what is null."""
    batches = [b for place in cut_places(store, find_places(store, since=since)) for b in list_place(store, place, since=since)]
    assert all(batch.schema == LISTED and batch.num_rows for batch in batches)
    listed = sorted(pa.Table.from_batches(batches, LISTED).to_pylist(), key=lambda row: str(row["file_key"]))
    return [
        {name: value for name, value in (row | {"file_key": relative(store, row["file_key"])}).items() if value is not None}
        for row in listed
    ]


def keys_of(store: Store, since: str | None = None) -> list[str]:
    """The keys that are listed; each once."""
    found = [row["file_key"] for row in rows(store, since)]
    assert len(found) == len(set(found))
    return found


def logs_of(store: Store, since: str | None = None) -> list[tuple[str, str, str]]:
    """Account, region and day of each log file to read."""
    return sorted((row["account_id"], row["region"], row["delivered"]) for row in rows(store, since) if "status" not in row)


def named(account: str = ACCOUNT, day: str = "2026-03-09", unique: str = "a", region: str = "us-east-1") -> str:
    """A name as CloudTrail gives it."""
    return f"{account}_CloudTrail_{region}_{day.replace('-', '')}T1200Z_{unique}.json.gz"


def log(prefix: str, account: str = ACCOUNT, day: str = "2026-03-09", region: str = "us-east-1") -> str:
    """A log file of a trail with this prefix, which has AWSLogs at its end."""
    return f"{prefix}/{account}/CloudTrail/{region}/{day.replace('-', '/')}/{named(account, day)}"


# --- Places ---


def test_the_driver_goes_down_to_the_regions_and_passes_other_kinds_of_logs(tree: Callable[..., Store]) -> None:
    store = tree(
        key(),
        key(region="eu-west-1", day="2026-03-10"),
        key(account=OTHER_ACCOUNT, prefix="AWSLogs/o-abc/"),
        f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz",
        f"AWSLogs/o-abc/{OTHER_ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz",
        f"AWSLogs/{ACCOUNT}/Config/c.json.gz",
    )
    places = find_places(store, since=None)
    assert [(relative(store, place.path), place.how) for place in places.found] == [
        ("", Listing.FLAT),
        ("AWSLogs", Listing.FLAT),
        (f"AWSLogs/{ACCOUNT}", Listing.FLAT),
        (f"AWSLogs/{ACCOUNT}/CloudTrail", Listing.FLAT),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1", Listing.TREE),
        (REGION, Listing.TREE),
        ("AWSLogs/o-abc", Listing.FLAT),
        (f"AWSLogs/o-abc/{OTHER_ACCOUNT}", Listing.FLAT),
        (f"AWSLogs/o-abc/{OTHER_ACCOUNT}/CloudTrail", Listing.FLAT),
        (f"AWSLogs/o-abc/{OTHER_ACCOUNT}/CloudTrail/us-east-1", Listing.TREE),
    ]
    assert places.passed == Counter({"CloudTrail-Digest": 2, "Config": 1})


def test_an_input_may_be_one_file_or_a_digest_by_mistake(tmp_path: Path) -> None:
    write(tmp_path, {key(): b"", f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/d.json.gz": b""})
    assert find_places(open_store(f"{tmp_path}/{key()}"), since=None) == Places([Place(f"{tmp_path}/{key()}", Listing.ONE)])
    digests = find_places(open_store(f"{tmp_path}/AWSLogs/{ACCOUNT}/CloudTrail-Digest"), since=None)
    assert digests == Places([], Counter({"CloudTrail-Digest": 1}))


def test_a_place_travels_pickled() -> None:
    place = Place("s3://logs/a", Listing.TREE, "2026", "2027")
    assert pickle.loads(pickle.dumps(place)) == place  # noqa: S301 - made on the line


def test_a_folder_that_is_passed_by_need_not_be_listable() -> None:
    store = bucket(key(), f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/d", is_denied=lambda path: path.endswith("Digest"))
    assert find_places(store, since=None).passed == Counter({"CloudTrail-Digest": 1})


def test_a_folder_above_that_cannot_be_listed_ends_the_run_with_its_name() -> None:
    store = bucket(key(), is_denied=lambda path: path.endswith(ACCOUNT))
    with pytest.raises(StoreError, match=f"^s3://logs/AWSLogs/{ACCOUNT}: access denied$"):
        find_places(store, since=None)


def test_folders_in_folders_for_ever_end_with_one_line() -> None:
    class Endless(Bucket):
        def folders_to_enter(self, path: str) -> list[str]:
            return [f"{path}/again"]

    with pytest.raises(TrailtallyError) as raised:
        find_places(cast(Store, Endless(["again/a"])), since=None)
    assert str(raised.value) == ("--input s3://logs: folders in folders, more than 100 deep. Give the folder that holds AWSLogs")


def test_large_regions_of_a_bucket_are_cut_into_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_PAGE", 10)
    names = [log("AWSLogs", day=f"202{year}-01-01").replace("_a.", f"_{n:03}.") for year in (5, 6) for n in range(20)]
    store = bucket(*names, "AWSLogs/top.json", page=10)
    cut = [place for place in cut_places(store, find_places(store, since=None)) if place.how is Listing.TREE]
    assert {place.path for place in cut} == {f"s3://logs/{REGION}"}
    assert [(place.after, place.last) for place in cut][:2] == [("", "2025"), ("2025", "2025/01/08")]
    assert [place.last for place in cut] == [*(place.after for place in cut[1:]), ""]
    assert keys_of(store) == sorted([*names, "AWSLogs/top.json"])


# --- Prefixes that look like a tree: shared case prefix-has-awslogs ---

PREFIXED = [
    log("AWSLogs", "100000000270"),
    log("AWSLogs/100000000271/AWSLogs", "100000000271"),
    log("AWSLogs/100000000272/cloudtrail/AWSLogs", "100000000272"),
    log("AWSLogs/AWSLogs", "100000000273"),
    log("AWSLogs/prod/AWSLogs", "100000000274"),
    log("AWSLogs/100000000275/AWSLogs/o-abc123defg", "100000000275"),
    log("100000000276/CloudTrail-org/AWSLogs", "100000000276"),
    log("AWSLogs/o-abc123defg/AWSLogs", "100000000277"),
    log("AWSLogs/100000000278/CloudTrail/AWSLogs", "100000000278"),
    log("AWSLogs/100000000278/CloudTrail/us-east-1/AWSLogs", "100000000279"),
    log("AWSLogs/100000000278/CloudTrail/us-east-1", "100000000280"),  # a copy without its AWSLogs
]


@pytest.mark.parametrize("since", [None, "2013-11-01", "2026-03-09"])
def test_any_prefix_may_stand_before_a_tree(tree: Callable[..., Store], since: str | None) -> None:
    store = tree(*PREFIXED)
    expected = [(f"1000000002{number}", "us-east-1", "2026-03-09") for number in range(70, 81)]
    assert logs_of(store, since) == expected
    assert find_places(store, since=since).passed == Counter()


@pytest.mark.parametrize("since", [None, "2026-03-09"])
@pytest.mark.parametrize(
    ("below", "accounts"),
    [
        ("AWSLogs", [270, 271, 272, 273, 274, 275, 277, 278, 279, 280]),
        ("AWSLogs/100000000271", [271]),
        ("AWSLogs/100000000271/AWSLogs", [271]),
        ("AWSLogs/100000000272/cloudtrail", [272]),
        ("AWSLogs/100000000275/AWSLogs/o-abc123defg", [275]),
        ("100000000276/CloudTrail-org", [276]),
        ("AWSLogs/100000000278/CloudTrail/us-east-1", [279, 280]),
        ("AWSLogs/100000000278/CloudTrail/us-east-1/100000000280/CloudTrail/us-east-1/2026", [280]),
        ("AWSLogs/100000000278/CloudTrail/us-east-1/100000000280/CloudTrail/us-east-1/2026/03/09", [280]),
    ],
)
def test_an_input_may_be_any_level_of_such_a_tree(
    tree: Callable[..., Store], below: str, accounts: list[int], since: str | None
) -> None:
    assert [account for account, _, _ in logs_of(tree(*PREFIXED, below=below), since)] == [f"100000000{a}" for a in accounts]


@pytest.mark.parametrize("since", [None, "2026-03-09"])
@pytest.mark.parametrize("sibling", ["CloudTrail-Digest", "CloudTrail-Insight", "Config", "vpcflowlogs"])
def test_a_tree_in_a_folder_of_another_kind_of_log_is_entered(
    tree: Callable[..., Store], sibling: str, since: str | None
) -> None:
    folder = f"AWSLogs/{ACCOUNT}/{sibling}"
    store = tree(log(f"{folder}/AWSLogs", OTHER_ACCOUNT), f"{folder}/us-east-1/2026/03/09/other.json.gz")
    assert keys_of(store, since) == [log(f"{folder}/AWSLogs", OTHER_ACCOUNT)]


# --- Rows ---


def test_every_object_is_a_log_file_or_has_its_reason(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            key("b", day="2026-03-10"): b"four",
            key("a\udce9", region="eu-west-1", suffix=".json"): b"",  # a name that is not UTF-8
            f"{REGION}/2026/03/09/notes.txt": b"n",
            f"{REGION}/2026/02/30/a.json.gz": b"",
            f"{REGION}/2026/03/09/._{named()}": b"",
            "AWSLogs/top.json": b"",
            "flat/111122223333_CloudTrail_us-east-1_20260230T1200Z_x.json.gz": b"",
        },
    )
    (tmp_path / key("broken")).symlink_to("nowhere")
    (tmp_path / "AWSLogs/loop").symlink_to("..")
    (tmp_path / REGION / "2026/03/loop").symlink_to("..")
    log_of = {"account_id": ACCOUNT, "region": "us-east-1"}
    broken = {"status": "unreadable", "size": 0}
    ignored = {"status": "ignored", "size": 0}
    found = {row["file_key"]: row for row in rows(open_store(str(tmp_path)))}
    assert all(row.pop("e_tag") or row["status"] == "unreadable" for row in found.values())
    expected: list[dict[str, Any]] = [
        {"file_key": f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/03/09/a\\xe9.json", "size": 0, "delivered": "2026-03-09"}
        | {"account_id": ACCOUNT, "region": "eu-west-1"},
        {"file_key": f"{REGION}/2026/02/30/a.json.gz", "delivered": ledger.UNDATED}
        | {"reason": "2026/02/30 in its path is not a day", **ignored},
        {"file_key": f"{REGION}/2026/03/09/._{named()}", "delivered": "2026-03-09", "reason": MACOS, **ignored},
        {"file_key": f"{REGION}/2026/03/09/broken.json.gz", "delivered": "2026-03-09"}
        | {"reason": "a link to a file that does not exist", **log_of, **broken},
        {"file_key": f"{REGION}/2026/03/09/notes.txt", "size": 1, "delivered": "2026-03-09", "status": "ignored"}
        | {"reason": "its name ends in neither .json.gz nor .json"},
        {"file_key": f"{REGION}/2026/03/10/b.json.gz", "size": 4, "delivered": "2026-03-10", **log_of},
        {"file_key": f"{REGION}/2026/03/loop/", "delivered": "2026-03-01"}
        | {"reason": "a link to a folder that it lies in", **broken},
        {"file_key": "AWSLogs/loop/", "delivered": ledger.UNDATED} | {"reason": "a link to a folder that it lies in", **broken},
        {"file_key": "AWSLogs/top.json", "delivered": ledger.UNDATED, "reason": NO_LOG_PATH, **ignored},
        {"file_key": "flat/111122223333_CloudTrail_us-east-1_20260230T1200Z_x.json.gz", "delivered": ledger.UNDATED, "size": 0}
        | {"status": "unreadable", "reason": f"20260230 in its name is not a day, and {NO_LOG_PATH}"},
    ]
    assert list(found.values()) == expected


def test_an_empty_tree_has_no_rows(tmp_path: Path) -> None:
    assert rows(open_store(str(tmp_path))) == []


def test_a_place_is_listed_in_batches_of_some_thousands() -> None:
    store = bucket(*(f"{n:06}" for n in range(20_000)))
    sizes = [batch.num_rows for batch in list_place(store, Place("s3://logs", Listing.FLAT), since=None)]
    assert sizes == [8_192, 8_192, 3_616]


def test_a_place_that_cannot_be_listed_fails_with_its_name() -> None:
    store = bucket(key(), is_denied=lambda path: path.endswith("us-east-1"))
    with pytest.raises(TaskFailed) as raised:
        list(list_place(store, Place(f"s3://logs/{REGION}", Listing.TREE), since=None))
    where = f"s3://logs/{REGION}"
    assert TrailtallyError.of(raised.value) == f"{where}: {where}: access denied (while it was being listed)"


# --- CloudTrail's names in other folders: shared case layouts-beside-good ---

LAYOUTS = [
    log("AWSLogs"),
    f"{REGION}/2026/03/09/12/{named(unique='y')}",
    f"{REGION}/2026/3/9/{named(unique='z')}",
    f"AWSLogs/{OTHER_ACCOUNT}/cloudtrail/us-east-1/2026/03/09/{named(unique='l')}",
    f"flat/{named(unique='x')}",
    f"hive/account={ACCOUNT}/region=us-east-1/dt=2026-03-09/{named(unique='h')}",
    # Beside folders of years and months, where an account's number sorts before the day.
    f"{REGION}/{named('000000000001')}",
    f"{REGION}/2026/{named('000000000002')}",
    f"{REGION}/2026/03/{named('000000000003')}",
]


@pytest.mark.parametrize("since", [None, "2026-03-09"])
def test_a_file_with_cloudtrails_name_is_read_wherever_it_lies(tree: Callable[..., Store], since: str | None) -> None:
    beside = [(f"00000000000{number}", "us-east-1", "2026-03-09") for number in (1, 2, 3)]
    assert logs_of(tree(*LAYOUTS), since) == [*beside, *[(ACCOUNT, "us-east-1", "2026-03-09")] * 6]


def test_with_a_day_to_come_only_what_is_undated_is_listed(tree: Callable[..., Store]) -> None:
    assert keys_of(tree(*LAYOUTS, "notes.txt", f"{REGION}/notes.txt"), "2026-03-10") == [f"{REGION}/notes.txt", "notes.txt"]


# --- Deliveries since a day ---


def test_of_what_has_a_delivery_day_those_of_a_day_and_later_are_listed(tree: Callable[..., Store]) -> None:
    store = tree(
        key(day="2025-12-31"),
        key(day="2026-03-08"),
        key(day="2026-03-09"),
        key(day="2027-01-01", region="eu-west-1"),
        f"{REGION}/2026/03/08/notes.txt",
        f"{REGION}/2026/03/09/notes.txt",
        # What has no delivery day is listed, as far as it does not lie in a folder of an earlier one.
        f"{REGION}/2026/02/30/a.json.gz",
        f"{REGION}/2026/03/08/sub/a.json.gz",
        f"{REGION}/2026/03/09/sub/a.json.gz",
        f"{REGION}/0-notes/a",
        "AWSLogs/top.json",
    )
    assert keys_of(store, "2026-03-09") == [
        f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2027/01/01/a.json.gz",
        f"{REGION}/0-notes/a",
        f"{REGION}/2026/03/09/a.json.gz",
        f"{REGION}/2026/03/09/notes.txt",
        f"{REGION}/2026/03/09/sub/a.json.gz",
        "AWSLogs/top.json",
    ]
    assert len(keys_of(store)) == 11


@pytest.mark.parametrize(("since", "count"), [("2026-03-09", 1), ("2026-03-10", 0)])
@pytest.mark.parametrize("below", [key(), f"{REGION}/2026/03/09", f"{REGION}/2026/03", f"{REGION}/2026"])
def test_an_input_that_is_one_file_or_day_has_its_delivery_day_looked_at(
    tmp_path: Path, below: str, since: str, count: int
) -> None:
    write(tmp_path, {key(): b""})
    assert len(keys_of(open_store(f"{tmp_path}/{below}"), since)) == count


@pytest.mark.parametrize(
    ("below", "since", "delivered"),
    [
        ("2026/03/09", "2026-03-09", ["2026-03-09"]),
        ("2026/03/09", "2026-03-10", []),
        ("2026/03", "2026-03-09", ["2026-03-01"]),  # it may hold that day
        ("2026/03", "2026-04-01", []),
        ("2026", "2026-03-09", ["2026-01-01"]),
        ("", "2026-03-09", [ledger.UNDATED]),
        ("2026/03/09/12", "2026-03-09", ["2026-03-09"]),
    ],
)
def test_a_folder_that_cannot_be_listed_shows_in_the_days_that_it_may_hold(below: str, since: str, delivered: list[str]) -> None:
    path = f"s3://logs/{REGION}/{below}".removesuffix("/")

    class Denied(Bucket):
        def list_tree(self, path: str, after: str = "", last: str = "") -> Iterator[Entry]:  # noqa: ARG002 - as the store has it
            return iter([Entry(f"{self.root}/", 0, "", "the folder cannot be listed: permission denied")])

    store = cast(Store, Denied([], root=path))
    batches = list(list_place(store, Place(path, Listing.TREE), since=since))
    found = [(row["delivered"], row["status"]) for batch in batches for row in batch.to_pylist()]
    assert found == [(day, "unreadable") for day in delivered]


_names = st.sampled_from(
    [
        *(
            log("AWSLogs", day=day)
            for day in ("2025-12-31", "2026-01-09", "2026-02-28", "2026-03-09", "2026-10-01", "2027-01-01")
        ),
        *(f"{REGION}/{day}/{named(day=day.replace('/', '-'))}" for day in ("2026/03/08/23", "2026/03/09/00", "2026/12/31/23")),
        *(
            f"{REGION}/{folder}{named(account, day)}"
            for folder in ("", "2026/", "2026/03/", "2026/3/9/", "20/", "0/", "~/")
            for account in ("000000000001", "299999999999", "999999999999")
            for day in ("2026-03-09", "2026-03-20")
        ),
        *(log(REGION, account) for account in ("000000000001", "202600000000", "999999999999")),
        *(f"{REGION}/{name}" for name in ("!", "2026!", "2026", "20260/x", "202/x", "a/b/c", "2026/03/31", "2026/!/x", "2027/x")),
    ]
)


@settings(deadline=None, max_examples=200)
@given(
    names=st.sets(_names, max_size=12),
    since=st.sampled_from(["2013-11-01", "2026-01-01", "2026-03-09", "2026-12-31", "2030-01-01"]),
)
def test_since_a_day_gives_what_all_gives_of_it_and_later(names: set[str], since: str) -> None:
    names = {name for name in names if not any(other.startswith(f"{name}/") for other in names)}
    store = bucket(*names)
    of_that_day = [row for row in rows(store) if row["delivered"] >= since]
    found = rows(store, since)
    assert [row for row in found if row["delivered"] != ledger.UNDATED] == [
        row for row in of_that_day if row["delivered"] != ledger.UNDATED
    ]
    assert [row for row in found if row not in rows(store)] == []
    assert len({row["file_key"] for row in found}) == len(found)


# --- The argument ---


def test_no_log_file_says_what_there_was() -> None:
    expected = (
        "Expected [PREFIX/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/*.json.gz: give the folder that holds AWSLogs"
    )
    passed = Counter({"Config": 1, "CloudTrail-Digest": 2})
    start = "--input a b: no CloudTrail log file found,"
    assert no_log_file_message(["a", "b"], passed, ignored=1, since=None) == (
        f"{start} only 2 folders CloudTrail-Digest, 1 folder Config, 1 other file. {expected}"
    )
    assert no_log_file_message(["a", "b"], Counter(), ignored=0, since=None) == f"{start} it is empty. {expected}"
    assert no_log_file_message(["a", "b"], passed, ignored=3, since="2026-03-09") == (
        "--input a b: no CloudTrail log file was delivered on 2026-03-09 or later. Give an earlier day, or run first without "
        "--delivered-since. A log file is [PREFIX/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/*.json.gz"
    )


WILDCARDS = "wildcards are not taken. Give the folder: it is listed whole"
ACCESS_POINT = (
    "this is an ARN, as of an access point. Give s3://BUCKET/PREFIX, and as BUCKET the bucket or the access point's alias "
    "(aws s3control get-access-point shows it)"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("logs/*", WILDCARDS),
        ("s3://logs/AWSLogs/*/CloudTrail", WILDCARDS),
        ("logs/2026-0?", WILDCARDS),
        ("arn:aws:s3:::logs", "this is an ARN. Give s3://logs"),
        ("arn:aws-us-gov:s3:::logs/AWSLogs/*", "this is an ARN. Give s3://logs/AWSLogs"),
        ("arn:aws:s3:us-east-1:111122223333:accesspoint/ap", ACCESS_POINT),
        ("s3://arn:aws:s3:us-east-1:111122223333:accesspoint/ap/AWSLogs", ACCESS_POINT),
    ],
)
def test_an_input_that_is_a_pattern_or_an_arn_says_what_to_give(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_input_text(text)
    assert str(raised.value) == f"--input {text}: {message}"


def test_an_input_of_exactly_this_name_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("logs*", "what?", "arn:aws:s3:::logs"):
        (tmp_path / name).mkdir()
        check_input_text(name)
    check_input_text("s3://logs/AWSLogs")
