"""The S3 servers of the tests: what they have in common with S3, and where they differ."""

import sys
from collections.abc import Callable

import boto3
import pytest
from botocore.exceptions import ClientError

from s3 import servers
from s3.servers import Bucket, Keys, Server, ServerDied, limited

ODD = ["dir/", "dir//twice", "dir/../up", "dir/./here", "tab\there"]


def test_a_fresh_bucket_holds_what_was_put_into_it(bucket: Bucket) -> None:
    bucket.put("a/2", "a/1", "b", body=b"content")
    assert bucket.keys() == ["a/1", "a/2", "b"]
    assert bucket.keys("a/") == ["a/1", "a/2"]
    assert bucket.get("b") == b"content"


def test_this_process_talks_to_the_buckets_server_with_the_sessions_keys(bucket: Bucket) -> None:
    bucket.put("a")
    assert boto3.client("s3").list_objects_v2(Bucket=bucket.name)["KeyCount"] == 1


def test_odd_keys_stay_as_they_are_on_moto(odd_bucket: Bucket) -> None:
    odd_bucket.put(*ODD)
    assert odd_bucket.keys() == sorted(ODD)


def test_archived_objects_of_moto_are_listed_as_such_and_cannot_be_read(odd_bucket: Bucket) -> None:
    odd_bucket.put("old", StorageClass="GLACIER")
    assert odd_bucket.client.list_objects_v2(Bucket=odd_bucket.name)["Contents"][0]["StorageClass"] == "GLACIER"
    assert _refusal(odd_bucket.get, "old") == (403, "InvalidObjectState")


def test_versitygw_makes_paths_of_keys(bucket: Bucket) -> None:
    bucket.put("a//b", "c/../d", "e\x01")
    assert bucket.keys() == ["a/b", "d", "e\ufffd"]
    with pytest.raises(ClientError, match="ObjectParentIsFile"):
        bucket.put("a/b/c")
    with pytest.raises(ClientError, match="KeyTooLongError"):
        bucket.put("k" * 256)


def test_versitygw_knows_no_storage_class(bucket: Bucket) -> None:
    bucket.put("old", StorageClass="GLACIER")
    assert bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"][0]["StorageClass"] == "STANDARD"
    assert bucket.get("old") == b""


@pytest.mark.parametrize("server", ["versitygw", "moto"])
def test_a_condition_holds_for_put_and_delete_but_not_for_the_place_that_is_copied_to(
    server: str, request: pytest.FixtureRequest
) -> None:
    there = servers.fresh_bucket(request.getfixturevalue(server))
    there.put("a", "b", body=b"old")
    assert _refusal(there.put, "a", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert _refusal(there.put, "a", IfMatch='"stale"') == (412, "PreconditionFailed")
    assert _refusal(there.put, "gone", IfMatch='"stale"') == (404, "NoSuchKey")
    assert _refusal(there.client.delete_object, Bucket=there.name, Key="a", IfMatch='"stale"') == (412, "PreconditionFailed")
    # S3 refuses this one
    there.client.copy_object(Bucket=there.name, Key="a", CopySource=f"{there.name}/b", IfNoneMatch="*")


@pytest.mark.parametrize("server", ["versitygw", "moto"])
def test_keys_are_listed_in_the_order_of_their_bytes(server: str, request: pytest.FixtureRequest) -> None:
    there = servers.fresh_bucket(request.getfixturevalue(server))
    there.put("s/a", "s-a", "s0", "S", "ü")
    assert there.keys() == ["S", "s-a", "s/a", "s0", "ü"]


def test_versitygw_refuses_another_region_and_does_not_say_which_to_head(versitygw: Server, bucket: Bucket) -> None:
    elsewhere = boto3.client("s3", region_name="us-west-2")
    with pytest.raises(ClientError) as raised:
        elsewhere.head_bucket(Bucket=bucket.name)
    answer = raised.value.response["ResponseMetadata"]
    assert (answer["HTTPStatusCode"], answer["HTTPHeaders"].get("x-amz-bucket-region")) == (400, None)  # S3 says it
    assert bucket.client.head_bucket(Bucket=bucket.name)["BucketRegion"] == versitygw.region
    assert elsewhere.list_objects_v2(Bucket=bucket.name)["KeyCount"] == 0  # boto3 finds it in the error's text


def test_versitygw_refuses_a_wrong_secret_and_moto_takes_any(versitygw: Server, moto: Server, odd_bucket: Bucket) -> None:
    wrong = Keys(versitygw.access_key, "wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        servers.client(versitygw.url, wrong).list_buckets()
    servers.client(moto.url, wrong).list_buckets()


def test_moto_allows_what_a_policy_allows_and_no_more(moto: Server, odd_bucket: Bucket) -> None:
    odd_bucket.put("in/a", "out/a")
    bucket_arn = f"arn:aws:s3:::{odd_bucket.name}"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": bucket_arn},
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"{bucket_arn}/in/*"},
        ],
    }
    with limited(moto, policy) as keys:
        there = Bucket(odd_bucket.name, moto.url, servers.client(moto.url, keys))
        assert there.keys() == ["in/a", "out/a"]
        there.client.head_bucket(Bucket=there.name)
        assert there.get("in/a") == b""
        assert _refusal(there.get, "out/a") == (403, "AccessDenied")
        with pytest.raises(ClientError, match="AccessDenied"):
            there.put("in/b")
        wrong = servers.client(moto.url, Keys(keys.access_key, "wrong"))
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            wrong.get_object(Bucket=there.name, Key="in/a")
    assert odd_bucket.get("out/a") == b""


def test_what_a_server_said_before_it_died_is_in_the_error() -> None:
    command = [sys.executable, "-c", "import sys; print('no such folder'); sys.exit(7)"]
    with pytest.raises(ServerDied) as raised, servers.running(command, {}, f"http://127.0.0.1:{servers.free_port()}"):
        raise AssertionError("it cannot run")
    assert str(raised.value).endswith("ended with 7:\nno such folder\n")


def _refusal(call: Callable[..., object], *arguments: object, **options: object) -> tuple[int, str]:
    """Status and code of the error that a call of boto3 ends with."""
    with pytest.raises(ClientError) as raised:
        call(*arguments, **options)
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
