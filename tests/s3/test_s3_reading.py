"""A bucket as a store of objects: what is read, and what is wrong where it cannot be. boto3 has the last word."""

import random
import string
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, cast

import pytest

from s3.fault import KMS_KEY, Fault
from s3.odd import ODD
from s3.proxied import Proxied
from s3.servers import Bucket, Keys, free_port
from trailtally.errors import Unreadable
from trailtally.storage import GONE, Access, StoreError, clients, key_of, open_store, requests
from trailtally.storage.s3 import S3Prefix

CONTENT = bytes(range(256)) * 4000
LOG_IN = "log in again (aws sso login, or new keys), then run the same command"
E_TAG = "9a0364b9e99bb480dd25e1f0284c8555"  # of b"content"


def unreadable(bucket: Bucket, key: str = "a") -> str:
    """Why an object cannot be read, that one alone."""
    store = open_store(bucket.url)
    with pytest.raises(Unreadable) as raised:
        store.read(f"{bucket.url}/{key}")
    return str(raised.value)


def stopped(bucket: Bucket, key: str = "a") -> str:
    """Why no object of the bucket can be read, without the URL."""
    store = open_store(bucket.url)
    with pytest.raises(StoreError) as raised:
        store.read(f"{bucket.url}/{key}")
    url, _, line = str(raised.value).partition(": ")
    assert url == f"{bucket.url}/{key}"
    return line


@pytest.mark.parametrize("key", ODD)
def test_every_odd_key_is_read_by_one_request_and_has_the_e_tag_of_the_listing(
    odd_proxy: Proxied, odd_bucket: Bucket, key: str
) -> None:
    store = open_store(odd_bucket.url)
    odd_bucket.put(key, body=b"content")
    url = f"{odd_bucket.url}/{key}"
    with requests.counted() as made:
        assert store.read(key_of(url)) == (b"content", E_TAG)
    assert odd_proxy.counts() == {"GET": 1}
    assert made == [requests.Requests(gets=1, bytes_in=7)]
    assert store.entry_at(url).e_tag == E_TAG
    assert store.get(url) == b"content"


def test_what_the_fast_reader_takes_it_reads_as_it_was_asked(proxy: Proxied, bucket: Bucket) -> None:
    drawn = random.Random(1)  # noqa: S311 - no secret
    letters = "".join(set(string.printable) - set(string.whitespace) - {"/"}) + " üé日😀"
    keys = ["".join(drawn.choices(letters, k=8)).strip(".") or "x" for _ in range(50)]
    bucket.put(*keys)
    assert [S3Prefix(bucket.url)._fast(bucket.name, key, 1) is not None for key in keys] == [True] * 50
    assert [call.key for call in proxy.calls()] == keys


def test_an_empty_object_is_its_bytes_and_one_that_is_not_there_is_none(bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("empty", "folder/a")
    assert [store.get(f"{bucket.url}/{key}") for key in ("empty", "gone", "folder", "empty/a")] == [b"", None, None, None]


def test_what_was_deleted_since_it_was_listed_is_gone(bucket: Bucket) -> None:
    assert unreadable(bucket) == GONE == "gone since it was listed"


def test_a_folder_marker_that_is_not_there_is_gone_and_not_the_file_of_its_name(odd_bucket: Bucket) -> None:
    odd_bucket.put("dir")
    assert unreadable(odd_bucket, "dir/") == GONE


def test_what_is_archived_is_told_so_and_read_when_it_is_restored(odd_bucket: Bucket) -> None:
    store = open_store(odd_bucket.url)
    odd_bucket.put("a", body=b"content", StorageClass="GLACIER")
    assert unreadable(odd_bucket) == "archived: restore it first (S3 answers InvalidObjectState)"
    odd_bucket.client.restore_object(Bucket=odd_bucket.name, Key="a", RestoreRequest={"Days": 1})
    assert store.read(f"{odd_bucket.url}/a") == (b"content", E_TAG)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("AccessDenied", "access denied: the IAM action s3:GetObject (or of the key in KMS, kms:Decrypt) is not allowed"),
        (
            "KmsDenied",
            "access denied: the IAM action kms:Decrypt is not allowed: User: arn:aws:sts::111122223333:assumed-role/reader/"
            f"session is not authorized to perform: kms:Decrypt on resource: {KMS_KEY} because no identity-based policy allows "
            "the kms:Decrypt action",
        ),
        ("KmsDisabled", f"S3 answers 400 KMS.DisabledException: {KMS_KEY} is disabled."),
        ("InvalidObjectState", "archived: restore it first (S3 answers InvalidObjectState)"),
        ("NoSuchKey", GONE),
    ],
)
def test_what_is_refused_of_one_object_is_its_trouble_alone(proxy: Proxied, bucket: Bucket, fault: str, reason: str) -> None:
    store = open_store(bucket.url)
    bucket.put("denied/a", "b", body=b"content")
    proxy.tell(Fault(fault, key="^denied/"))
    assert unreadable(bucket, "denied/a") == reason
    assert store.read(f"{bucket.url}/b")[0] == b"content"
    assert len(proxy.calls("GET", key="^denied/")) == 2  # no more tries than the two readers' first


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("ExpiredToken", f"the credentials have expired (ExpiredToken): {LOG_IN}"),
        ("InvalidAccessKeyId", f"S3 does not know the access key (InvalidAccessKeyId): {LOG_IN}"),
        ("RequestTimeTooSkewed", "this machine's clock is wrong by more than 15 minutes: set it"),
        ("NoSuchBucket", "there is no bucket {bucket}"),
    ],
)
def test_what_is_wrong_with_all_objects_stops_at_the_first(proxy: Proxied, bucket: Bucket, fault: str, line: str) -> None:
    store = open_store(bucket.url)
    bucket.put("a")
    proxy.tell(Fault(fault))
    assert stopped(bucket) == line.format(bucket=bucket.name)
    with pytest.raises(StoreError):
        store.get(f"{bucket.url}/a")
    assert proxy.counts()["GET"] <= 4


def test_a_wrong_secret_stops_all_and_no_secret_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "not-to-be-told-to-anybody"  # noqa: S105 - a wrong one
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    clients._session.cache_clear()
    try:
        line = stopped(bucket)
    finally:
        clients._session.cache_clear()
    assert line == f"the secret access key is not the right one (SignatureDoesNotMatch): {LOG_IN}"
    assert secret not in line


def test_without_credentials_all_stops_with_what_to_do(
    bucket: Bucket, aws_account: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    clients._session.cache_clear()
    try:
        line = stopped(bucket)
    finally:
        clients._session.cache_clear()
    assert line == (
        "no AWS credentials were found: give --profile, log in (aws sso login), or set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY (Unable to locate credentials)"
    )


def test_an_endpoint_that_refuses_connections_stops_all(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    assert stopped(bucket) == (
        "S3 cannot be reached: is the network there, and are --region and --endpoint-url right? "
        f'(Could not connect to the endpoint URL: "{url}/{bucket.name}/a")'
    )


@pytest.mark.parametrize("what", ["cut", "reset"])
@pytest.mark.parametrize("first", [1, 4, 8])
def test_a_body_that_ends_too_soon_is_read_again(proxy: Proxied, bucket: Bucket, what: str, first: int) -> None:
    store = open_store(bucket.url)
    bucket.put("a", body=CONTENT)
    proxy.tell(Fault(what, kinds=("GET",), first=first))
    assert store.read(f"{bucket.url}/a")[0] == CONTENT


@pytest.mark.parametrize("what", ["cut", "reset"])
def test_a_body_that_always_ends_too_soon_is_unreadable(proxy: Proxied, bucket: Bucket, what: str) -> None:
    store = open_store(bucket.url)
    bucket.put("a", "b", body=CONTENT)
    proxy.tell(Fault(what, kinds=("GET",), key="^a"))
    assert unreadable(bucket).startswith("the answer broke off, at each of several tries (")
    assert len(proxy.calls("GET")) == 9
    assert store.read(f"{bucket.url}/b")[0] == CONTENT


def test_a_body_that_stalls_is_read_again(proxy: Proxied, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(bucket.url)
    monkeypatch.setitem(clients._FAST_TIMES, "read_timeout", "100ms")
    monkeypatch.setattr(clients, "_READ_SECONDS", 0.2)
    bucket.put("a", body=CONTENT)
    proxy.tell(Fault("stall", kinds=("GET",), first=5, seconds=2, after=1000))
    assert store.read(f"{bucket.url}/a")[0] == CONTENT
    proxy.tell(Fault("stall", kinds=("GET",), seconds=2, after=1000))
    assert unreadable(bucket).startswith("the answer broke off, at each of several tries (Read timeout")


def test_an_answer_that_does_not_come_is_not_waited_for_once_more_than_other_tries(
    proxy: Proxied, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(clients._FAST_TIMES, "read_timeout", "50ms")
    monkeypatch.setattr(clients, "_READ_SECONDS", 0.05)
    bucket.put("a")
    proxy.tell(Fault("delay", kinds=("GET",), seconds=1))
    assert unreadable(bucket).startswith("the answer broke off, at each of several tries (Read timeout")
    assert len(proxy.calls("GET")) <= 4 + clients.TRIES


@pytest.mark.parametrize("fault", ["SlowDown", "ServiceUnavailable", "InternalError"])
def test_many_objects_that_s3_is_slow_with_are_all_read_in_the_end(proxy: Proxied, bucket: Bucket, fault: str) -> None:
    store = open_store(bucket.url)
    keys = [f"{number:02}" for number in range(60)]
    bucket.put(*keys, body=b"content")
    proxy.tell(Fault(fault, kinds=("GET",), first=4 + clients.TRIES - 1))

    def read(key: str) -> str:
        try:
            return store.read(f"{bucket.url}/{key}")[1]
        except Unreadable as error:
            return str(error)

    store.exists(bucket.url)
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(read, keys)) == [E_TAG] * 60


def test_what_s3_is_slow_with_for_too_long_is_unreadable_with_the_number_of_tries(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a")
    proxy.tell(Fault("SlowDown", kinds=("GET",)))
    assert unreadable(bucket) == f"S3 answers 503 SlowDown after {clients.TRIES} tries: Please reduce your request rate."


def test_a_reader_of_a_listing_can_end_early(bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("a", "b")
    assert [entry.key for entry in islice(store.list_tree(bucket.url), 1)] == [f"{bucket.url}/a"]


def test_who_pays_for_requests_says_so_in_each_of_them(odd_bucket: Bucket) -> None:
    odd_bucket.put("a", "b//c")
    said: list[bytes] = []
    access = Access(request_payer=True)
    store, fast = open_store(odd_bucket.url, access), cast("Any", clients.fast_store(access, odd_bucket.name))
    clients.client(access).meta.events.register(
        "before-send.s3", lambda request, **_: said.append(request.headers.get("x-amz-request-payer"))
    )
    list(store.list_tree(odd_bucket.url))
    store.read(f"{odd_bucket.url}/b//c")
    assert said == [b"requester"] * 2
    assert fast.config["request_payer"] == "true"
