"""The S3 servers of the tests: what they have in common with S3, and where they differ."""

import sys

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
    assert _refusal(odd_bucket, "old") == (403, "InvalidObjectState")


def test_versitygw_collapses_slashes_and_an_object_blocks_keys_below_it(bucket: Bucket) -> None:
    bucket.put("a//b")
    assert bucket.keys() == ["a/b"]
    with pytest.raises(ClientError, match="ObjectParentIsFile"):
        bucket.put("a/b/c")


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
        assert _refusal(there, "out/a") == (403, "AccessDenied")
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


def _refusal(bucket: Bucket, key: str) -> tuple[int, str]:
    """Status and code of the answer to a GET that fails."""
    with pytest.raises(ClientError) as raised:
        bucket.get(key)
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
