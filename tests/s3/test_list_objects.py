"""A whole tree in S3 -> its objects: no more requests than pages, and a reason for each odd key."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any

import pytest
from pyspark.sql import SparkSession

from builders import ACCOUNT, OTHER_ACCOUNT, key
from s3.fault import Fault
from s3.odd import ODD
from s3.proxied import Proxied
from s3.servers import Bucket
from trailtally import parts, storage
from trailtally.errors import TrailtallyError
from trailtally.listing import FLAT, TREE, find_places, inputs_of, list_objects
from trailtally.parts import Part
from trailtally.storage import Access, requests, tasks

REGION = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1"
NO_LOG_PATH = "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"


def listed(spark: SparkSession, *urls: str, since: str | None = None) -> list[dict[str, Any]]:
    """The rows of the objects below, by key."""
    storage.connect({url: Access() for url in urls})
    rows = list_objects(spark, find_places(list(urls)), tasks=2, since=since).collect()
    return sorted((row.asDict() for row in rows), key=itemgetter("file_key"))


def names(spark: SparkSession, bucket: Bucket, since: str | None = None) -> list[str]:
    return [row["file_key"].removeprefix(f"{bucket.url}/") for row in listed(spark, bucket.url, since=since)]


def put_many(bucket: Bucket, keys: list[str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(bucket.put, keys))


def test_a_tree_of_two_accounts_is_listed_by_as_many_requests_as_pages_and_a_few(
    spark: SparkSession, proxy: Proxied, bucket: Bucket
) -> None:
    large = [key(f"{number:04}", day=f"2026-03-{1 + number % 9:02}") for number in range(1_100)]
    small = [key("b", account=OTHER_ACCOUNT, prefix="AWSLogs/o-abc/", region=region) for region in ("eu-west-1", "us-east-1")]
    digest = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz"
    put_many(bucket, [*large, *small, digest])
    storage.connect({bucket.url: Access()})
    proxy.forget()
    places = find_places([bucket.url])
    looks = proxy.counts()
    tasks.start_meter(spark)
    assert list_objects(spark, places, tasks=2).count() == 1_102
    assert Counter(how for _, how in places.found) == {FLAT: 7, TREE: 3}
    assert looks == {"LIST": 7}
    # The folders again, for their own objects; a look at each region, and the page of each of the small ones; of the large one
    # the years, a look at one, two pages, and two parts that turn out to be empty.
    assert proxy.counts() == {"LIST": 7 + 7 + 3 + 2 + 2 + 2 + 2}
    assert tasks.metered() == requests.Requests(lists=proxy.counts()["LIST"] - 7)
    assert proxy.calls(key="Digest") == []


def test_a_large_region_is_listed_in_parts_at_the_same_time_and_each_object_once(
    spark: SparkSession, proxy: Proxied, bucket: Bucket
) -> None:
    keys = sorted(key(f"{number:04}", day=f"{2025 + number % 2}-03-{1 + number % 28:02}") for number in range(1_000))
    odd = [f"{REGION}/2026/03/31/sub/a", f"{REGION}/2026/13/01/a.json.gz", f"{REGION}/a b+%2F/c", f"{REGION}/ü"]
    put_many(bucket, [*keys, *odd])
    assert parts.parts_of(f"{bucket.url}/{REGION}", "") == [Part("", "2025"), Part("2025", "2026"), Part("2026", "")]
    assert names(spark, bucket) == sorted([*keys, *odd])


def test_of_what_was_delivered_since_a_day_only_those_days_are_listed(
    spark: SparkSession, proxy: Proxied, bucket: Bucket
) -> None:
    bucket.put(
        *(key(day=day) for day in ("2025-12-31", "2026-03-08", "2026-03-09", "2027-01-01")),
        *(key(day=day, region="eu-west-1") for day in ("2026-03-08", "2026-03-10")),
        "AWSLogs/top.json",
    )
    storage.connect({bucket.url: Access()})
    places = find_places([bucket.url])
    proxy.forget()
    rows = list_objects(spark, places, tasks=2, since="2026-03-09").collect()
    assert sorted(row["file_key"].removeprefix(f"{bucket.url}/") for row in rows) == [
        f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/03/10/a.json.gz",
        f"{REGION}/2026/03/09/a.json.gz",
        f"{REGION}/2027/01/01/a.json.gz",
        "AWSLogs/top.json",
    ]
    # Four folders, and for each region a look and its page.
    assert proxy.counts() == {"LIST": 4 + 2 + 2}
    pages = [call.sent for call in proxy.calls(key="eu-west-1")]
    bucket.client.delete_object(Bucket=bucket.name, Key=key(day="2026-03-08", region="eu-west-1"))
    proxy.forget()
    list_objects(spark, places, tasks=2, since="2026-03-09").count()
    assert [call.sent for call in proxy.calls(key="eu-west-1")] == pages  # the earlier day was in no page
    assert names(spark, bucket, since="2028-01-01") == ["AWSLogs/top.json"]


def test_an_input_that_is_a_day_before_is_not_listed_at_all(spark: SparkSession, proxy: Proxied, bucket: Bucket) -> None:
    bucket.put(key(day="2026-03-08"))
    url = f"{bucket.url}/{REGION}/2026/03/08"
    storage.connect({url: Access()})
    places = find_places([url])
    proxy.forget()
    assert list_objects(spark, places, tasks=2, since="2026-03-09").count() == 0
    assert proxy.counts() == {}


def test_every_odd_key_is_listed_with_its_reason(spark: SparkSession, odd_bucket: Bucket) -> None:
    top = [f"logs/{name}" for name in ODD]
    below = [f"logs/{REGION}/{name}" for name in ODD]
    day = f"logs/{REGION}/2026/03/09/"
    files = [f"{day}{name}.json.gz" for name in ODD if "/" not in name]
    markers = ["logs/", "logs/AWSLogs/", f"logs/{REGION}/", day]
    odd_bucket.put(*top, *below, *files, *markers)
    rows = listed(spark, f"{odd_bucket.url}/logs")
    found = {storage.path_of(row["file_key"]).removeprefix(f"{odd_bucket.url}/"): row for row in rows}
    assert len(rows) == len(found)
    assert sorted(found) == sorted([*top, *below, *files, *markers])
    assert {found[name]["reason"] for name in [*top, *below, *markers]} == {NO_LOG_PATH}
    assert {(found[name]["status"], found[name]["account_id"], found[name]["delivered"]) for name in files} == {
        (None, ACCOUNT, "2026-03-09")
    }


def test_what_is_archived_is_unreadable_and_not_asked_for(spark: SparkSession, odd_bucket: Bucket) -> None:
    odd_bucket.put(key(), StorageClass="DEEP_ARCHIVE")
    [row] = listed(spark, odd_bucket.url)
    assert (row["status"], row["reason"], row["delivered"]) == (
        "unreadable",
        "archived (DEEP_ARCHIVE): restore it first",
        "2026-03-09",
    )


def test_one_object_may_be_the_input(spark: SparkSession, bucket: Bucket) -> None:
    bucket.put(key(), key("ab"))
    [row] = listed(spark, f"{bucket.url}/{key()}")
    assert (row["file_key"], row["status"], row["account_id"]) == (f"{bucket.url}/{key()}", None, ACCOUNT)


def test_a_region_that_may_not_be_listed_fails_the_run_with_its_url_and_what_is_missing(
    spark: SparkSession, proxy: Proxied, bucket: Bucket
) -> None:
    bucket.put(key(), key(region="eu-west-1"))
    proxy.tell(Fault("AccessDenied", kinds=("LIST",), key="us-east-1/"))
    with pytest.raises(Exception, match="trailtally") as raised:
        listed(spark, bucket.url)
    assert TrailtallyError.of(raised.value) == (
        f"{bucket.url}/{REGION}: access denied: the IAM action s3:ListBucket is not allowed (while it was being listed)"
    )


def test_inputs_inside_others_are_left_out_and_those_beside_them_stay(odd_bucket: Bucket) -> None:
    odd_bucket.put("logs/a/b", "logs//a", "logs2/a")
    base = odd_bucket.url
    assert inputs_of([f"{base}/logs/a", f"{base}/logs", f"{base}/logs2/"]) == [f"{base}/logs", f"{base}/logs2"]
    # The prefix of the first is `logs//`, below which the second does not lie.
    assert inputs_of([f"{base}/logs//", f"{base}/logs/a"]) == [f"{base}/logs/", f"{base}/logs/a"]
