"""How a bucket is reached: found out once, told in one line where it cannot be, and nothing secret travels."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from s3 import servers
from s3.fault import Fault
from s3.proxied import Proxied
from s3.servers import REGION, Bucket, Keys, Server, free_port
from trailtally.storage import Access, StoreError, clients, open_store, requests
from trailtally.storage.s3 import S3Prefix


@pytest.fixture
def other_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment's keys may be changed; what was found before is forgotten."""
    clients._session.cache_clear()
    yield monkeypatch
    clients._session.cache_clear()


def reached(url: str, access: Access | None = None) -> S3Prefix:
    """The store of a URL, as a first request found out how it is reached."""
    store = open_store(url, access).reached()
    assert isinstance(store, S3Prefix)
    return store


def failure(url: str, access: Access | None = None) -> str:
    """Why a store cannot be reached, without the URL."""
    with pytest.raises(StoreError) as raised:
        open_store(url, access).reached()
    assert str(raised.value).startswith(f"{url}: ")
    return str(raised.value).removeprefix(f"{url}: ")


def test_one_request_finds_out_region_and_endpoint(proxy: Proxied, bucket: Bucket) -> None:
    url = f"{bucket.url}/AWSLogs"
    with requests.counted() as made:
        store = open_store(url).reached()
    assert store == S3Prefix(url, Access(region=REGION, endpoint_url=proxy.url))
    assert (proxy.counts(), made) == ({"LIST": 1}, [requests.Requests(lists=1)])
    assert proxy.calls()[0].key == "AWSLogs/"


def test_what_the_user_said_besides_stays(bucket: Bucket) -> None:
    said = Access(request_payer=True, encryption="AES256")
    assert reached(bucket.url, said).access == replace(said, region=REGION, endpoint_url=bucket.endpoint)


def test_a_wrong_region_gives_the_right_one(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a", body=b"content")
    proxy.tell(Fault("PermanentRedirect"))
    store = reached(bucket.url, Access(region="us-west-2"))
    assert store.access.region == REGION
    proxy.forget()
    assert store.read(f"{bucket.url}/a")[0] == b"content"
    assert [(call.region, call.status) for call in proxy.calls()] == [(REGION, 200)]


def test_without_permission_to_list_it_says_which_is_missing(proxy: Proxied, bucket: Bucket) -> None:
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    proxy.tell(policy={"Statement": [allowed]})
    assert failure(bucket.url) == "access denied: the IAM action s3:ListBucket is not allowed"


def test_keys_that_may_do_nothing_are_told_what_is_missing(
    moto: Server, odd_bucket: Bucket, other_keys: pytest.MonkeyPatch
) -> None:
    with servers.limited(moto, {"Statement": [{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "*"}]}) as keys:
        other_keys.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
        other_keys.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
        line = failure(odd_bucket.url)
    assert line.startswith("access denied: the IAM action s3:ListBucket is not allowed")


def test_a_bucket_that_there_is_not(bucket: Bucket) -> None:
    assert failure("s3://no-such-bucket/logs") == "there is no bucket no-such-bucket"


def test_without_credentials_it_says_how_to_give_some(bucket: Bucket, other_keys: pytest.MonkeyPatch) -> None:
    other_keys.delenv("AWS_ACCESS_KEY_ID")
    assert failure(bucket.url) == (
        "no AWS credentials were found: give --profile, log in (aws sso login), or set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY (Unable to locate credentials)"
    )
    # Only who reads logs has --no-sign-request.
    assert failure(bucket.url, Access(is_input=True)).endswith(
        "AWS_SECRET_ACCESS_KEY (Unable to locate credentials). For a public bucket: --no-sign-request"
    )


def test_half_of_the_credentials(bucket: Bucket, other_keys: pytest.MonkeyPatch) -> None:
    other_keys.delenv("AWS_SECRET_ACCESS_KEY")
    assert failure(bucket.url).endswith("(Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY)")


def test_a_profile_that_there_is_not(bucket: Bucket) -> None:
    assert failure(bucket.url, Access(profile="audit")) == (
        "there is no such profile: aws configure list-profiles names those that there are "
        "(The config profile (audit) could not be found)"
    )


def test_a_profile_has_its_own_keys(bucket: Bucket, aws_account: Keys, tmp_path: Path, other_keys: pytest.MonkeyPatch) -> None:
    bucket.put("a", body=b"content")
    file = tmp_path / "credentials"
    file.write_text(f"[audit]\naws_access_key_id={aws_account.access_key}\naws_secret_access_key={aws_account.secret_key}\n")
    other_keys.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    other_keys.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = reached(bucket.url, Access(profile="audit"))
    assert [entry.key for entry in store.list_tree(bucket.url)] == [f"{bucket.url}/a"]
    assert store.read(f"{bucket.url}/a")[0] == b"content"


def test_a_public_bucket_is_read_without_credentials(odd_bucket: Bucket, other_keys: pytest.MonkeyPatch) -> None:
    odd_bucket.client.put_bucket_acl(Bucket=odd_bucket.name, ACL="public-read")
    odd_bucket.put("a", "b//c", body=b"content", ACL="public-read")
    other_keys.delenv("AWS_ACCESS_KEY_ID")
    other_keys.delenv("AWS_SECRET_ACCESS_KEY")
    store = reached(odd_bucket.url, Access(unsigned=True))
    assert [store.read(entry.key)[0] for entry in store.list_tree(odd_bucket.url)] == [b"content"] * 2


@pytest.mark.parametrize("kind", ["ExpiredToken", "InvalidAccessKeyId"])
def test_credentials_that_ended_are_told_at_once(proxy: Proxied, bucket: Bucket, kind: str) -> None:
    proxy.tell(Fault(kind))
    assert failure(bucket.url).endswith(f" ({kind}): log in again (aws sso login, or new keys), then run the same command")
    assert proxy.counts() == {"LIST": 1}


def test_an_endpoint_that_refuses_connections(bucket: Bucket) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert failure(bucket.url, Access(endpoint_url=url)).startswith(
        "S3 cannot be reached: is the network there, and are --region and --endpoint-url right? "
        f'(Could not connect to the endpoint URL: "{url}/{bucket.name}?'
    )


def test_an_endpoint_that_is_no_url(bucket: Bucket) -> None:
    assert failure(bucket.url, Access(endpoint_url="minio:9000")) == (
        "--endpoint-url is no URL, such as https://HOST:PORT (Invalid endpoint: minio:9000)"
    )


def test_a_region_that_is_none(bucket: Bucket) -> None:
    assert failure(bucket.url, Access(region="eu central")) == (
        "--region is not right (Provided region_name 'eu central' doesn't match a supported format.)"
    )


def test_a_server_that_is_slow_at_first_is_tried_again_and_not_for_long(proxy: Proxied, bucket: Bucket) -> None:
    proxy.tell(Fault("SlowDown", first=3))
    open_store(bucket.url).reached()
    proxy.tell(Fault("SlowDown"))
    assert failure(bucket.url) == "S3 answers 503 SlowDown after 4 tries: Please reduce your request rate."


def test_a_store_that_travels_is_pickled_and_shown_without_a_secret(bucket: Bucket, aws_account: Keys) -> None:
    bucket.put("a")
    store = reached(bucket.url)
    store.read(f"{bucket.url}/a")
    for travels in (pickle.dumps(store), repr(store).encode()):
        assert bucket.endpoint.encode() in travels
        assert aws_account.secret_key.encode() not in travels
        assert aws_account.access_key.encode() not in travels


USED = """
import pickle, sys
from trailtally.storage import requests
store = pickle.load(sys.stdin.buffer)
print(store.read(store.root + "/a")[0].decode(), requests.made())
"""


def test_another_process_reaches_the_bucket_as_this_one_does_and_asks_nothing_more(
    proxy: Proxied, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a", body=b"content")
    store = reached(bucket.url)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    proxy.forget()
    done = subprocess.run([sys.executable, "-c", USED], input=pickle.dumps(store), capture_output=True, check=True)
    assert done.stdout.decode() == f"content {requests.Requests(gets=1, bytes_in=7)}\n"
    assert proxy.counts() == {"GET": 1}
