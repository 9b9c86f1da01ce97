"""What the proxy injects is what boto3 and obstore see, and it counts what they did."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import boto3
import obstore
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError, ResponseStreamingError
from obstore.exceptions import AlreadyExistsError, GenericError, PermissionDeniedError
from obstore.store import S3Store

from s3 import servers
from s3.fault import Fault
from s3.policy import check
from s3.proxied import Proxied
from s3.servers import REGION, Bucket, Keys, Server

CONTENT = bytes(range(256)) * 4000


def through(server: Proxied, bucket: Bucket, **options: Any) -> Bucket:
    """The bucket as boto3 sees it through the proxy."""
    return Bucket(bucket.name, server.url, servers.client(server.url, server.keys, **options))


def store(server: Proxied, bucket: Bucket, retries: int = 5, timeout: str = "20s", region: str = REGION) -> S3Store:
    """The bucket as obstore sees it through the proxy."""
    short = timedelta(milliseconds=10)
    return S3Store(
        bucket.name,
        endpoint=server.url,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        region=region,
        client_options={"allow_http": True, "timeout": timeout},
        retry_config={
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=20),
            "backoff": {"init_backoff": short, "max_backoff": short, "base": 2},
        },
    )


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Status and code of the error that a call of boto3 ends with."""
    with pytest.raises(ClientError) as raised:
        call()
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_without_faults_signatures_stay_valid_whatever_the_key_and_the_call(proxy: Proxied, bucket: Bucket) -> None:
    there = through(proxy, bucket)
    keys = sorted(["a b", "a+b", "a%2Fb", "ü/日本", "#?&=", "q'\"<>", "o=1/dt=2026-03-09/x.json.gz"])
    there.put(*keys, body=CONTENT)
    assert there.keys() == there.keys("") == keys
    assert [there.get(key) for key in keys] == [CONTENT] * len(keys)
    there.client.copy_object(Bucket=there.name, Key="copy", CopySource={"Bucket": there.name, "Key": "ü/日本"})
    assert there.get("copy") == CONTENT
    there.client.delete_objects(Bucket=there.name, Delete={"Objects": [{"Key": key} for key in keys]})
    assert there.keys() == ["copy"]
    assert {call.status for call in proxy.calls()} == {200}


def test_a_wrong_secret_is_refused_behind_the_proxy_too(proxy: Proxied, bucket: Bucket) -> None:
    wrong = servers.client(proxy.url, Keys(proxy.access_key, "wrong"))
    assert refusal(lambda: wrong.list_objects_v2(Bucket=bucket.name)) == (403, "SignatureDoesNotMatch")


def test_moto_behind_the_proxy_takes_the_same_calls_and_checks_signatures_of_limited_users(
    odd_proxy: Proxied, odd_bucket: Bucket, moto: Server
) -> None:
    odd_bucket.put("dir//twice")
    allowed = {"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}
    with servers.limited(moto, allowed) as keys:
        there = Bucket(odd_bucket.name, odd_proxy.url, servers.client(odd_proxy.url, keys))
        assert there.get("dir//twice") == b""
        assert refusal(lambda: there.put("new")) == (403, "AccessDenied")
    assert [(call.kind, call.key, call.status) for call in odd_proxy.calls()] == [("GET", "dir//twice", 200), ("PUT", "new", 403)]


def test_calls_are_counted_by_kind_with_their_keys_bytes_and_actions(proxy: Proxied, bucket: Bucket) -> None:
    there, name = through(proxy, bucket), bucket.name
    there.put("in/a", body=b"12345")
    there.client.put_object(Bucket=name, Key="in/b", Body=b"", IfNoneMatch="*")
    there.client.head_object(Bucket=name, Key="in/a")
    there.client.get_object(Bucket=name, Key="in/a", Range="bytes=1-3")["Body"].read()
    there.keys("in/")
    there.client.copy_object(Bucket=name, Key="out/a", CopySource=f"{name}/in/a")
    there.client.head_bucket(Bucket=name)
    upload = there.client.create_multipart_upload(Bucket=name, Key="out/b")["UploadId"]
    there.client.upload_part(Bucket=name, Key="out/b", UploadId=upload, PartNumber=1, Body=b"123")
    assert there.uploads() == ["out/b"]
    there.client.abort_multipart_upload(Bucket=name, Key="out/b", UploadId=upload)
    there.client.delete_object(Bucket=name, Key="in/b")
    there.client.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "in/a"}, {"Key": "x&y"}]})

    arn = f"arn:aws:s3:::{name}"
    get, put, delete = "s3:GetObject", "s3:PutObject", "s3:DeleteObject"
    assert [(call.kind, call.key, call.permissions) for call in proxy.calls()] == [
        ("PUT", "in/a", [(put, f"{arn}/in/a")]),
        ("CREATE", "in/b", [(put, f"{arn}/in/b")]),
        ("HEAD", "in/a", [(get, f"{arn}/in/a")]),
        ("GET", "in/a", [(get, f"{arn}/in/a")]),
        ("LIST", "in/", [("s3:ListBucket", arn)]),
        ("COPY", "out/a", [(get, f"{arn}/in/a"), (put, f"{arn}/out/a")]),
        ("HEAD_BUCKET", "", [("s3:ListBucket", arn)]),
        ("CREATE_UPLOAD", "out/b", [(put, f"{arn}/out/b")]),
        ("PART", "out/b", [(put, f"{arn}/out/b")]),
        ("LIST_UPLOADS", "", [("s3:ListBucketMultipartUploads", arn)]),
        ("ABORT_UPLOAD", "out/b", [("s3:AbortMultipartUpload", f"{arn}/out/b")]),
        ("DELETE", "in/b", [(delete, f"{arn}/in/b")]),
        ("DELETE_MANY", "", [(delete, f"{arn}/in/a"), (delete, f"{arn}/x&y")]),
    ]
    assert proxy.counts()["GET"] == 1
    got, written = proxy.calls("GET")[0], proxy.calls("PUT", key="^in/")[0]
    assert (got.status, got.range, got.sent, written.received) == (206, "bytes=1-3", 3, 5)
    proxy.forget()
    assert proxy.calls() == []


def test_a_multipart_upload_of_obstore_is_seen_as_one(proxy: Proxied, bucket: Bucket) -> None:
    obstore.put(store(proxy, bucket), "big", bytes(6 << 20), chunk_size=5 << 20)
    assert proxy.counts() == {"CREATE_UPLOAD": 1, "PART": 2, "COMPLETE_UPLOAD": 1}
    assert proxy.actions() == ["s3:PutObject"]
    assert sum(call.received for call in proxy.calls("PART")) == 6 << 20


def test_every_request_waits_for_the_delay(proxy: Proxied, bucket: Bucket) -> None:
    proxy.tell(Fault("delay", seconds=0.2))
    start = time.monotonic()
    through(proxy, bucket).keys()
    assert 0.2 <= time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("SlowDown", 503, "SlowDown"),
        ("InternalError", 500, "InternalError"),
        ("AccessDenied", 403, "AccessDenied"),
        ("KmsDenied", 403, "AccessDenied"),
        ("InvalidObjectState", 403, "InvalidObjectState"),
        ("NoSuchKey", 404, "NoSuchKey"),
        ("ExpiredToken", 400, "ExpiredToken"),
        ("ConditionalRequestConflict", 409, "ConditionalRequestConflict"),
    ],
)
def test_an_answer_of_s3_hits_the_keys_that_it_is_meant_for(
    what: str, status: int, code: str, proxy: Proxied, bucket: Bucket
) -> None:
    bucket.put("good", "bad/1")
    proxy.tell(Fault(what, key="^bad/"))
    there = through(proxy, bucket)
    assert refusal(lambda: there.get("bad/1")) == (status, code)
    assert refusal(lambda: there.put("bad/2", body=CONTENT)) == (status, code)
    assert refusal(lambda: there.client.head_object(Bucket=there.name, Key="bad/1")) == (status, str(status))
    assert there.get("good") == b""
    assert [(call.key, call.status, call.fault) for call in proxy.calls("GET")] == [("bad/1", status, what), ("good", 200, "")]
    assert bucket.keys() == ["bad/1", "good"]


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("AccessDenied", PermissionDeniedError, "<Code>AccessDenied</Code>"),
        ("KmsDenied", PermissionDeniedError, "is not authorized to perform: kms:Decrypt"),
        ("InvalidObjectState", PermissionDeniedError, "<Code>InvalidObjectState</Code>"),
        ("NoSuchKey", FileNotFoundError, "<Code>NoSuchKey</Code>"),
        ("ExpiredToken", GenericError, "<Code>ExpiredToken</Code>"),
        ("SlowDown", GenericError, "<Code>SlowDown</Code>"),
    ],
)
def test_obstore_sees_the_answers_too(what: str, error: type[Exception], message: str, proxy: Proxied, bucket: Bucket) -> None:
    proxy.tell(Fault(what))
    with pytest.raises(error, match=message):
        obstore.get(store(proxy, bucket, retries=1), "a")


def test_an_account_that_may_not_list_one_prefix_lists_the_others(proxy: Proxied, bucket: Bucket) -> None:
    proxy.tell(Fault("AccessDenied", kinds=("LIST",), key="^AWSLogs/111122223333/"))
    there = through(proxy, bucket)
    assert refusal(lambda: there.keys("AWSLogs/111122223333/")) == (403, "AccessDenied")
    assert there.keys("AWSLogs/") == []


def test_the_first_calls_of_each_key_are_slowed_down_and_obstore_tries_again(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a", "b", body=CONTENT)
    proxy.tell(Fault("SlowDown", kinds=("GET",), first=2))
    there = store(proxy, bucket)
    assert [bytes(obstore.get(there, key).bytes()) for key in "ab"] == [CONTENT, CONTENT]
    assert [(call.key, call.status) for call in proxy.calls()] == [(key, status) for key in "ab" for status in (503, 503, 200)]


def test_boto3_tries_again_what_was_slowed_down(proxy: Proxied, bucket: Bucket) -> None:
    proxy.tell(Fault("SlowDown", first=1))
    through(proxy, bucket, retries={"total_max_attempts": 3}).put("a")
    assert [call.status for call in proxy.calls()] == [503, 200]


def test_a_share_of_calls_is_drawn_from_the_seed_whatever_their_order(proxy: Proxied, bucket: Bucket) -> None:
    keys = [f"k{number:02}" for number in range(40)]
    there = through(proxy, bucket)

    def hit(order: list[str], seed: int) -> set[str]:
        proxy.tell(Fault("NoSuchKey", share=0.3), seed=seed)
        proxy.forget()
        for key in order:
            refusal(partial(there.client.head_object, Bucket=there.name, Key=key))
        return {call.key for call in proxy.calls() if call.fault}

    assert hit(keys, 1) == hit(keys[::-1], 1) != hit(keys, 2)
    assert 4 <= len(hit(keys, 1)) <= 20


@pytest.mark.parametrize("what", ["reset", "cut"])
def test_boto3_sees_that_a_body_ends_too_soon(what: str, proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a", body=CONTENT)
    proxy.tell(Fault(what, kinds=("GET",)))
    with pytest.raises(ResponseStreamingError):
        through(proxy, bucket).get("a")
    assert [(call.status, call.sent, call.fault) for call in proxy.calls()] == [(200, len(CONTENT) // 2, what)]


def test_boto3_does_not_wait_for_a_body_that_stalls(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a", body=CONTENT)
    proxy.tell(Fault("stall", seconds=5, after=1000))
    with pytest.raises(ReadTimeoutError):
        through(proxy, bucket, read_timeout=0.3).get("a")


@pytest.mark.parametrize("fault", [Fault("reset", first=1), Fault("cut", first=1), Fault("stall", first=1, seconds=5)])
def test_obstore_fetches_the_rest_of_a_body_by_range(fault: Fault, proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a", body=CONTENT)
    proxy.tell(fault)
    assert bytes(obstore.get(store(proxy, bucket, timeout="1s"), "a").bytes()) == CONTENT
    first, second = proxy.calls("GET")
    assert (first.fault, first.range) == (fault.what, "")
    assert (second.fault, second.status) == ("", 206)
    assert second.range.startswith("bytes=")


def test_a_lost_answer_to_a_create_is_written_and_the_next_try_meets_it(proxy: Proxied, bucket: Bucket) -> None:
    proxy.tell(Fault("lost", kinds=("CREATE",), first=1))
    there = store(proxy, bucket)
    with pytest.raises((GenericError, AlreadyExistsError)):
        obstore.put(there, "lock", b"mine", mode="create")
    assert bucket.get("lock") == b"mine"
    assert proxy.calls()[0].fault == "lost"
    with pytest.raises(AlreadyExistsError):
        obstore.put(there, "lock", b"another", mode="create")


def test_an_error_to_a_create_that_was_done_is_an_error_against_ones_own_write(proxy: Proxied, bucket: Bucket) -> None:
    proxy.tell(Fault("SlowDown", kinds=("CREATE",), first=1, done=True))
    with pytest.raises(AlreadyExistsError):
        obstore.put(store(proxy, bucket), "lock", b"mine", mode="create")
    assert bucket.get("lock") == b"mine"


def test_an_overwrite_whose_answer_is_lost_is_done_again(proxy: Proxied, bucket: Bucket) -> None:
    proxy.tell(Fault("lost", kinds=("PUT",), first=1))
    obstore.put(store(proxy, bucket), "a", b"new")
    assert [(call.fault, call.status) for call in proxy.calls()] == [("lost", 0), ("", 200)]


def test_boto3_follows_a_redirect_to_the_buckets_region_and_obstore_does_not(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a")
    proxy.tell(Fault("PermanentRedirect"))
    boto3.client("s3", region_name="us-west-2").get_object(Bucket=bucket.name, Key="a")
    assert [(call.kind, call.region, call.status) for call in proxy.calls()] == [
        ("GET", "us-west-2", 301),
        ("GET", "eu-central-1", 200),
    ]
    with pytest.raises(GenericError, match="redirect"):
        obstore.get(store(proxy, bucket, region="us-west-2"), "a")


def test_what_a_policy_does_not_allow_is_denied_and_a_missing_key_too_where_listing_is(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("in/a", "out/a")
    arn = f"arn:aws:s3:::{bucket.name}"
    allow_get = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/in/*"}
    allow_list = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn}
    there = through(proxy, bucket)

    proxy.tell(policy={"Statement": [allow_get, allow_list | {"Condition": {"StringLike": {"s3:prefix": "in/*"}}}]})
    assert there.get("in/a") == b""
    assert there.keys("in/") == ["in/a"]
    assert refusal(lambda: there.keys("out/")) == (403, "AccessDenied")
    assert refusal(lambda: there.get("out/a")) == (403, "AccessDenied")
    assert refusal(lambda: there.get("in/gone")) == (403, "AccessDenied")
    assert refusal(lambda: there.put("in/b")) == (403, "AccessDenied")
    assert refusal(lambda: there.client.copy_object(Bucket=there.name, Key="in/b", CopySource=f"{there.name}/in/a"))[0] == 403

    proxy.tell(policy={"Statement": [allow_get, allow_list]})
    assert refusal(lambda: there.get("in/gone")) == (404, "NoSuchKey")

    denied = {"Effect": "Deny", "Action": "s3:Get*", "Resource": f"{arn}/in/?"}
    proxy.tell(policy={"Statement": [allow_get, denied]})
    assert refusal(lambda: there.get("in/a")) == (403, "AccessDenied")
    assert bucket.keys() == ["in/a", "out/a"]


def test_a_policy_with_what_is_not_known_here_is_not_taken() -> None:
    with pytest.raises(ValueError, match=r"^unknown in a policy: IpAddress$"):
        check({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"IpAddress": {}}}]})
