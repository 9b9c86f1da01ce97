"""A part of an object: the bytes that were asked for, of the object that was listed."""

import pytest

from s3.fault import Fault
from s3.odd import ODD
from s3.proxied import Proxied
from s3.servers import Bucket
from trailtally.storage import Entry, StoreError, open_store, requests
from trailtally.storage.objects import CHANGED

CONTENT = bytes(range(256))


def listed(bucket: Bucket, key: str = "a", content: bytes = CONTENT) -> Entry:
    """Put an object, and return its entry."""
    bucket.put(key, body=content)
    return open_store(bucket.url).entry_at(f"{bucket.url}/{key}")


def test_a_range_is_one_request_and_its_bytes_alone_are_received(proxy: Proxied, bucket: Bucket) -> None:
    entry = listed(bucket)
    with requests.counted() as made:
        assert open_store(bucket.url).read_range(entry, 100, 3) == b"def"
    assert made == [requests.Requests(gets=1, bytes_in=3)]
    assert [call.key for call in proxy.calls("GET")] == ["a"]


def test_the_ends_of_an_object_are_in_its_ranges(bucket: Bucket) -> None:
    entry, store = listed(bucket), open_store(bucket.url)
    assert store.read_range(entry, 0, 2) == b"\x00\x01"
    assert store.read_range(entry, 254, 2) == b"\xfe\xff"
    assert store.read_range(entry, 0, 256) == CONTENT


@pytest.mark.parametrize("key", ODD)
def test_of_every_odd_key_a_range_is_read(odd_bucket: Bucket, key: str) -> None:
    assert open_store(odd_bucket.url).read_range(listed(odd_bucket, key), 1, 2) == b"\x01\x02"


@pytest.mark.parametrize("content", [b"x" * 256, b"x"])
def test_an_object_that_has_changed_is_not_mixed_with_the_one_that_was_listed(bucket: Bucket, content: bytes) -> None:
    entry = listed(bucket)
    bucket.put("a", body=content)
    with pytest.raises(StoreError) as raised:
        open_store(bucket.url).read_range(entry, 100, 3)
    assert str(raised.value) == f"{bucket.url}/a: {CHANGED}"


def test_an_object_that_is_gone_has_changed(bucket: Bucket) -> None:
    with pytest.raises(StoreError) as raised:
        open_store(bucket.url).read_range(Entry(f"{bucket.url}/a", 9, "e", None), 0, 3)
    assert str(raised.value) == f"{bucket.url}/a: {CHANGED}"


def test_what_fails_is_tried_again_and_what_is_denied_says_so(proxy: Proxied, bucket: Bucket) -> None:
    entry = listed(bucket)
    proxy.tell(Fault("SlowDown", kinds=("GET",), first=2))
    assert open_store(bucket.url).read_range(entry, 1, 2) == b"\x01\x02"
    proxy.tell(Fault("AccessDenied", kinds=("GET",)))
    with pytest.raises(StoreError, match="access denied: the IAM action s3:GetObject"):
        open_store(bucket.url).read_range(entry, 1, 2)
