"""A whole tree in S3 -> its objects: no more requests than pages, and a reason for each odd key."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any

import pytest

from builders import ACCOUNT, OTHER_ACCOUNT, key
from s3.fault import Fault
from s3.odd import ODD
from s3.proxied import Proxied
from s3.servers import Bucket
from trailtally.run.request import Request, open_stores
from trailtally.stages.listing import list_place
from trailtally.stages.parts import Part, parts_of
from trailtally.stages.places import Listing, Places, cut_places, find_places
from trailtally.storage import Store, StoreError, open_store, path_of, requests

REGION = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1"
NO_LOG_PATH = "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"


def listed(url: str, since: str | None = None) -> list[dict[str, Any]]:
    """The rows of the objects below, by key."""
    store = open_store(url).reached()
    return rows(store, find_places(store, since=since), since)


def rows(store: Store, places: Places, since: str | None = None) -> list[dict[str, Any]]:
    batches = [batch for place in cut_places(store, places) for batch in list_place(store, place, since=since)]
    return sorted((row for batch in batches for row in batch.to_pylist()), key=itemgetter("file_key"))


def names(bucket: Bucket, since: str | None = None) -> list[str]:
    return [row["file_key"].removeprefix(f"{bucket.url}/") for row in listed(bucket.url, since=since)]


def put_many(bucket: Bucket, keys: list[str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(bucket.put, keys))


def test_a_tree_of_two_accounts_is_listed_by_as_many_requests_as_pages_and_a_few(proxy: Proxied, bucket: Bucket) -> None:
    large = [key(f"{number:04}", day=f"2026-03-{1 + number % 9:02}") for number in range(1_100)]
    small = [key("b", account=OTHER_ACCOUNT, prefix="AWSLogs/o-abc/", region=region) for region in ("eu-west-1", "us-east-1")]
    digest = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz"
    put_many(bucket, [*large, *small, digest])
    store = open_store(bucket.url).reached()
    proxy.forget()
    places = find_places(store, since=None)
    looks = proxy.counts()
    with requests.counted() as made:
        assert len(rows(store, places)) == 1_102
    assert Counter(place.how for place in places.found) == {Listing.FLAT: 7, Listing.TREE: 3}
    assert looks == {"LIST": 1 + 7}
    # A look at the folder of digests, which may be a prefix; the folders again, for their own objects; a look at each region, and
    # the page of each of the small ones; of the large one the years, a look at one, two pages, and two parts that are empty.
    assert proxy.counts() == {"LIST": 1 + 7 + 7 + 3 + 2 + 2 + 2 + 2}
    assert made == [requests.Requests(lists=proxy.counts()["LIST"] - 8)]
    assert [call.key for call in proxy.calls(key="Digest")] == [f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/"]


def test_a_large_region_is_listed_in_parts_at_the_same_time_and_each_object_once(proxy: Proxied, bucket: Bucket) -> None:
    keys = sorted(key(f"{number:04}", day=f"{2025 + number % 2}-03-{1 + number % 28:02}") for number in range(1_000))
    odd = [f"{REGION}/2026/03/31/sub/a", f"{REGION}/2026/13/01/a.json.gz", f"{REGION}/a b+%2F/c", f"{REGION}/ü"]
    put_many(bucket, [*keys, *odd])
    assert parts_of(open_store(bucket.url), f"{bucket.url}/{REGION}", "") == [
        Part("", "2025"),
        Part("2025", "2026"),
        Part("2026", ""),
    ]
    assert names(bucket) == sorted([*keys, *odd])


def test_of_what_was_delivered_since_a_day_only_those_days_are_listed(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put(
        *(key(day=day) for day in ("2025-12-31", "2026-03-08", "2026-03-09", "2027-01-01")),
        *(key(day=day, region="eu-west-1") for day in ("2026-03-08", "2026-03-10")),
        "AWSLogs/top.json",
    )
    store = open_store(bucket.url).reached()
    places = find_places(store, since="2026-03-09")
    proxy.forget()
    found = rows(store, places, "2026-03-09")
    assert [row["file_key"].removeprefix(f"{bucket.url}/") for row in found] == [
        f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/03/10/a.json.gz",
        f"{REGION}/2026/03/09/a.json.gz",
        f"{REGION}/2027/01/01/a.json.gz",
        "AWSLogs/top.json",
    ]
    # Four folders, for each region a look and its page, and what lies beside the folders of years, months and days.
    assert proxy.counts() == {"LIST": 4 + 2 + 2 + 2 * 4}
    pages = [call.sent for call in proxy.calls(key="eu-west-1/$")]
    bucket.client.delete_object(Bucket=bucket.name, Key=key(day="2026-03-08", region="eu-west-1"))
    proxy.forget()
    rows(store, places, "2026-03-09")
    assert [call.sent for call in proxy.calls(key="eu-west-1/$")] == pages  # the earlier day was in no page
    assert names(bucket, since="2028-01-01") == ["AWSLogs/top.json"]


def test_an_input_that_is_a_day_before_is_asked_for_and_not_listed(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put(key(day="2026-03-08"))
    url = f"{bucket.url}/{REGION}/2026/03/08"
    store = open_store(url).reached()
    proxy.forget()
    assert rows(store, find_places(store, since="2026-03-09"), "2026-03-09") == []
    assert proxy.counts() == {"LIST": 1}


def test_every_odd_key_is_listed_with_its_reason(odd_bucket: Bucket) -> None:
    top = [f"logs/{name}" for name in ODD]
    below = [f"logs/{REGION}/{name}" for name in ODD]
    day = f"logs/{REGION}/2026/03/09/"
    files = [f"{day}{name}.json.gz" for name in ODD if "/" not in name]
    markers = ["logs/", "logs/AWSLogs/", f"logs/{REGION}/", day]
    odd_bucket.put(*top, *below, *files, *markers)
    listing = listed(f"{odd_bucket.url}/logs")
    found = {path_of(row["file_key"]).removeprefix(f"{odd_bucket.url}/"): row for row in listing}
    assert len(listing) == len(found)
    assert sorted(found) == sorted([*top, *below, *files, *markers])
    assert {found[name]["reason"] for name in [*top, *below, *markers]} == {NO_LOG_PATH}
    assert {(found[name]["status"], found[name]["account_id"], found[name]["delivered"]) for name in files} == {
        (None, ACCOUNT, "2026-03-09")
    }


def test_what_is_archived_is_unreadable_and_not_asked_for(odd_bucket: Bucket) -> None:
    odd_bucket.put(key(), StorageClass="DEEP_ARCHIVE")
    [row] = listed(odd_bucket.url)
    assert (row["status"], row["reason"], row["delivered"]) == (
        "unreadable",
        "archived (DEEP_ARCHIVE): restore it first",
        "2026-03-09",
    )


def test_one_object_may_be_the_input(bucket: Bucket) -> None:
    bucket.put(key(), key("ab"))
    [row] = listed(f"{bucket.url}/{key()}")
    assert (row["file_key"], row["status"], row["account_id"]) == (f"{bucket.url}/{key()}", None, ACCOUNT)


def test_a_region_that_may_not_be_listed_fails_the_run_with_its_url_and_what_is_missing(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put(key(), key(region="eu-west-1"))
    proxy.tell(Fault("AccessDenied", kinds=("LIST",), key="us-east-1/"))
    with pytest.raises(StoreError) as raised:
        listed(bucket.url)
    assert str(raised.value) == f"{bucket.url}/{REGION}: access denied: the IAM action s3:ListBucket is not allowed"


def test_inputs_inside_others_are_left_out_and_those_beside_them_stay(odd_bucket: Bucket) -> None:
    odd_bucket.put("logs/a/b", "logs//a", "logs2/a")
    base = odd_bucket.url

    def inputs(*urls: str) -> list[str]:
        return [store.root for store in open_stores(Request(inputs=list(urls), output=f"{base}/tables")).inputs]

    assert inputs(f"{base}/logs/a", f"{base}/logs", f"{base}/logs2/") == [f"{base}/logs", f"{base}/logs2"]
    # The prefix of the first is `logs//`, below which the second does not lie.
    assert inputs(f"{base}/logs//", f"{base}/logs/a") == [f"{base}/logs/", f"{base}/logs/a"]
