"""A bucket as a store of objects: what is there. Every key is listed, whatever it is."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3 import servers
from s3.fault import Fault
from s3.odd import ODD
from s3.proxied import Proxied
from s3.servers import Bucket, Server
from trailtally.errors import UsageError
from trailtally.storage import GONE, Access, Peek, StoreError, clients, key_of, open_store, path_of, requests, s3_listing

TABLES = frozenset({"event_counts", "ledger", "_trailtally"})


def names(bucket: Bucket, after: str = "", last: str = "", below: str = "") -> list[str]:
    """What is listed below a prefix, as it is named there."""
    store = open_store(bucket.url)
    prefix = f"{bucket.url}{below}/"
    return [path_of(entry.key).removeprefix(prefix) for entry in store.list_tree(prefix.removesuffix("/"), after, last)]


def put_many(bucket: Bucket, keys: list[str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(bucket.put, keys))


def test_every_odd_key_is_listed_as_it_is(odd_bucket: Bucket) -> None:
    store = open_store(odd_bucket.url)
    odd_bucket.put(*ODD, body=b"content")
    entries = list(store.list_tree(odd_bucket.url))
    assert [path_of(entry.key) for entry in entries] == [f"{odd_bucket.url}/{key}" for key in ODD]
    assert {(entry.size, entry.e_tag, entry.problem) for entry in entries} == {(7, "9a0364b9e99bb480dd25e1f0284c8555", None)}


def test_every_odd_key_is_found_once_by_going_from_folder_to_folder(odd_bucket: Bucket) -> None:
    store = open_store(odd_bucket.url)
    odd_bucket.put(*ODD)
    folders, found = [odd_bucket.url], []
    for folder in folders:  # grows
        below = store.folders_to_enter(folder) or []
        assert all(store.is_folder(path) for path in below)
        folders += below
        found += [path_of(entry.key).removeprefix(f"{odd_bucket.url}/") for entry in store.list_files(folder)]
    assert sorted(found) == ODD


@pytest.mark.parametrize("key", ODD)
def test_every_odd_key_is_found_by_itself(odd_bucket: Bucket, key: str) -> None:
    store = open_store(odd_bucket.url)
    odd_bucket.put(key, body=b"content")
    url = f"{odd_bucket.url}/{key}"
    assert store.exists(url)
    assert store.entry_at(url) == (key_of(url), 7, "9a0364b9e99bb480dd25e1f0284c8555", None)


def test_of_a_tree_a_range_of_names_is_listed(bucket: Bucket) -> None:
    bucket.put(*(f"logs/{name}" for name in ("a", "b/1", "b/2/x", "b/3", "b-1", "b0", "c/1")), "logs2/a", "log")
    assert names(bucket, below="/logs") == ["a", "b-1", "b/1", "b/2/x", "b/3", "b0", "c/1"]
    assert names(bucket, below="/logs", after="b/1") == ["b/2/x", "b/3", "b0", "c/1"]
    assert names(bucket, below="/logs", after="b/2") == ["b/2/x", "b/3", "b0", "c/1"]
    assert names(bucket, below="/logs", last="b/2/x") == ["a", "b-1", "b/1", "b/2/x"]
    assert names(bucket, below="/logs", after="b/1", last="b/3") == ["b/2/x", "b/3"]
    assert names(bucket, below="/nothing") == []


# Names that ranges may end at; moto fails at a control character there.
CUTS = [*(key for key in ODD if key.isprintable()), "a", "a/", "b", "z", "\U0010ffff", "ü", "ü/"]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cuts=st.lists(st.sampled_from(CUTS), unique=True, max_size=6).map(sorted))
def test_ranges_that_adjoin_have_every_odd_key_once(moto: Server, odd_keys: Bucket, cuts: list[str]) -> None:
    listed = [names(odd_keys, *ends) for ends in zip(["", *cuts], [*cuts, ""], strict=True)]
    assert [name for part in listed for name in part] == ODD


@pytest.fixture(scope="module")
def odd_keys(moto: Server) -> Bucket:
    """A bucket of odd keys for tests that do not change it."""
    bucket = servers.fresh_bucket(moto)
    bucket.put(*ODD)
    return bucket


@pytest.fixture(autouse=True)
def on_moto(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests that share this bucket talk to its server."""
    if "odd_keys" in request.fixturenames:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", request.getfixturevalue("moto").url)


def test_the_marker_of_a_folder_is_an_object_of_it_and_listed_once(odd_bucket: Bucket) -> None:
    store = open_store(odd_bucket.url)
    odd_bucket.put("logs/", "logs/2026/", "logs/2026/a")
    assert names(odd_bucket, below="/logs") == ["", "2026/", "2026/a"]
    assert names(odd_bucket, below="/logs", last="2026/") == ["", "2026/"]
    assert names(odd_bucket, below="/logs", after="2026/") == ["2026/a"]
    assert [entry.key for entry in store.list_files(f"{odd_bucket.url}/logs")] == [f"{odd_bucket.url}/logs/"]


def test_a_folder_has_its_folders_and_its_own_objects(bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("in/b/1", "in/a/2", "in/2", "in/1", "other/3")
    assert store.folders_to_enter(f"{bucket.url}/in") == [f"{bucket.url}/in/a", f"{bucket.url}/in/b"]
    assert [file.key for file in store.list_files(f"{bucket.url}/in")] == [f"{bucket.url}/in/1", f"{bucket.url}/in/2"]


def test_more_than_a_thousand_are_listed_a_page_at_a_time_and_a_look_is_one_request(proxy: Proxied, bucket: Bucket) -> None:
    store = open_store(bucket.url)
    keys = [f"logs/{number:04}/a" for number in range(1001)]
    put_many(bucket, keys)
    logs = f"{bucket.url}/logs"
    assert [entry.key for entry in store.list_tree(logs)] == [f"{bucket.url}/{key}" for key in keys]
    assert proxy.counts() == {"LIST": 2}
    assert (len(store.folders_to_enter(logs) or ()), list(store.list_files(logs))) == (1001, [])
    assert proxy.counts() == {"LIST": 6}
    assert store.peek(logs) == Peek("0000/a", "0999/a", more=True)
    assert store.peek(logs, "0000/a") == Peek("0001/a", "1000/a", more=False)
    assert store.peek(logs, "1000/a") == Peek("", "", more=False)
    assert proxy.counts() == {"LIST": 9}
    assert names(bucket, below="/logs", after="0499/a", last="0500/a") == ["0500/a"]
    assert proxy.counts() == {"LIST": 10}  # what comes after the last is not listed to its end


def test_an_object_a_prefix_and_a_bucket_exist(bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("logs/a", "logs-2/b")
    exist = ["", "/logs", "/logs/a", "/logs-2"]
    gone = ["/log", "/logs/a/b", "/logs/b", "/logs-"]
    assert [store.exists(bucket.url + path) for path in exist] == [True] * 4
    assert [store.exists(bucket.url + path) for path in gone] == [False] * 4
    assert [store.is_folder(bucket.url + path) for path in [*exist, *gone]] == [True, True, False, True] + [False] * 4


def test_an_empty_bucket_is_a_folder(bucket: Bucket) -> None:
    store = open_store(bucket.url)
    assert store.exists(bucket.url)
    assert store.folders_to_enter(bucket.url) == []
    assert list(store.list_tree(bucket.url)) == []


def test_an_object_that_is_not_there_is_an_entry_with_this_problem(bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("ab")
    assert store.entry_at(f"{bucket.url}/a") == (f"{bucket.url}/a", 0, "", GONE)


def test_what_is_archived_has_this_problem(odd_bucket: Bucket) -> None:
    store = open_store(odd_bucket.url)
    for kind in ("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "STANDARD_IA"):
        odd_bucket.put(kind, StorageClass=kind)
    assert [(entry.key.rpartition("/")[2], entry.problem) for entry in store.list_tree(odd_bucket.url)] == [
        ("DEEP_ARCHIVE", "archived (DEEP_ARCHIVE): restore it first"),
        ("GLACIER", "archived (GLACIER): restore it first"),
        ("GLACIER_IR", None),
        ("STANDARD_IA", None),
    ]
    assert store.entry_at(f"{odd_bucket.url}/GLACIER").problem == "archived (GLACIER): restore it first"


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ({"IsRestoreInProgress": False, "RestoreExpiryDate": "2026-03-09T00:00:00Z"}, None),
        ({"IsRestoreInProgress": True}, "archived (GLACIER): restore it first"),
        ({}, "archived (GLACIER): restore it first"),
    ],
)
def test_what_is_archived_has_its_problem_until_it_is_restored(status: dict[str, Any], problem: str | None) -> None:
    found = {"Key": "a", "Size": 1, "ETag": '"tag"', "StorageClass": "GLACIER", "RestoreStatus": status}
    assert s3_listing._entry("bucket", found) == ("s3://bucket/a", 1, "tag", problem)


def test_a_listing_asks_whether_what_is_archived_was_restored(odd_bucket: Bucket) -> None:
    store = open_store(odd_bucket.url)
    asked: list[bytes] = []
    clients.client(Access()).meta.events.register(
        "before-send.s3.ListObjectsV2", lambda request, **_: asked.append(request.headers["x-amz-optional-object-attributes"])
    )
    list(store.list_tree(odd_bucket.url))
    assert asked == [b"RestoreStatus"]


def test_the_days_of_a_table_are_those_that_have_an_object(bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("t/dt=2026-03-10/t.parquet", "t/dt=2026-03-09/t.parquet", "t/other=1/a", "t/dt=x", "u/dt=2026-03-11/u.parquet")
    assert store.partitions(f"{bucket.url}/t", "dt") == ["2026-03-09", "2026-03-10"]
    assert store.partitions(f"{bucket.url}/v", "dt") == []


@pytest.mark.parametrize("path", ["", "/out", "/out/tables"])
def test_an_output_may_be_new_or_hold_tables_and_what_is_hidden(odd_bucket: Bucket, path: str) -> None:
    below, store = f"{path}/".removeprefix("/"), open_store(odd_bucket.url + path)
    store.prepare_output(TABLES)
    odd_bucket.put(f"{below}ledger/delivered=2026-03-09/ledger.parquet", f"{below}_trailtally/lock.json", f"{below}.hidden")
    if below:
        odd_bucket.put(below)  # the marker that the console makes
    store.prepare_output(TABLES)
    assert len(odd_bucket.keys()) == (4 if below else 3)


@pytest.mark.parametrize("name", ["notes.txt", "AWSLogs/a", "AWSLogs/"])
def test_an_output_that_holds_anything_else_is_wrong_use(odd_bucket: Bucket, name: str) -> None:
    odd_bucket.put("out/ledger/a", f"out/{name}")
    with pytest.raises(UsageError) as raised:
        open_store(f"{odd_bucket.url}/out").check_output(TABLES)
    foreign = name.partition("/")[0]
    assert str(raised.value) == (
        f"--output {odd_bucket.url}/out: it holds {foreign!r}, which is no table of trailtally. Give a new or an empty prefix"
    )


def test_an_output_that_is_an_object_is_wrong_use(bucket: Bucket) -> None:
    bucket.put("out")
    with pytest.raises(UsageError) as raised:
        open_store(f"{bucket.url}/out").check_output(TABLES)
    assert str(raised.value) == f"--output {bucket.url}/out: this is an object. Give a prefix, new or of an earlier run"


def test_a_listing_goes_on_after_errors_that_pass_and_tells_those_that_stay(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a")
    proxy.tell(Fault("SlowDown", kinds=("LIST",), first=3), Fault("cut", kinds=("LIST",), first=4))
    assert names(bucket) == ["a"]
    assert proxy.counts() == {"LIST": 5}
    proxy.tell(Fault("AccessDenied", kinds=("LIST",)))
    with pytest.raises(StoreError) as raised:
        names(bucket)
    assert str(raised.value) == f"{bucket.url}: access denied: the IAM action s3:ListBucket is not allowed"


def test_listings_are_counted_with_those_that_were_tried_again(proxy: Proxied, bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("a")
    proxy.tell(Fault("SlowDown", kinds=("LIST",), first=2))
    with requests.counted() as made:
        names(bucket)
        store.exists(f"{bucket.url}/b")
    assert made == [requests.Requests(lists=len(proxy.calls("LIST")))]
    assert len(proxy.calls("LIST")) == 9  # two tries too many for each prefix that was asked for
