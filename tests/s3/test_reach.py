"""How a bucket is reached: found out once, told in one line where it cannot be, and nothing secret travels."""

import json
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from s3 import servers
from s3.fault import Fault
from s3.proxied import Proxied
from s3.servers import REGION, Bucket, Keys, Server, free_port
from trailtally import storage
from trailtally.storage import Access, StoreError, clients, functions, requests, tasks
from trailtally.storage.tasks import in_task


@pytest.fixture
def other_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment's keys may be changed; what was found before is forgotten."""
    clients._session.cache_clear()
    yield monkeypatch
    clients._session.cache_clear()


def failure(url: str, how: Access | None = None) -> str:
    """Why a location cannot be reached, without the URL."""
    with pytest.raises(StoreError) as raised:
        storage.connect({url: how or Access()})
    assert str(raised.value).startswith(f"{url}: ")
    return str(raised.value).removeprefix(f"{url}: ")


def test_one_request_finds_out_region_and_endpoint(proxy: Proxied, bucket: Bucket) -> None:
    url = f"{bucket.url}/AWSLogs"
    with requests.counted() as made:
        storage.connect({url: Access(), "/tmp/tables": Access()})  # noqa: S108 - a name
    assert functions.connections() == {url: Access(region=REGION, endpoint_url=proxy.url)}
    assert (proxy.counts(), made) == ({"LIST": 1}, [requests.Requests(lists=1)])
    assert proxy.calls()[0].key == "AWSLogs/"


def test_a_wrong_region_gives_the_right_one(proxy: Proxied, bucket: Bucket) -> None:
    bucket.put("a", body=b"content")
    proxy.tell(Fault("PermanentRedirect"))
    storage.connect({bucket.url: Access(region="us-west-2")})
    assert functions.access_to(bucket.url).region == REGION
    proxy.forget()
    assert storage.read(f"{bucket.url}/a")[0] == b"content"
    assert [(call.region, call.status) for call in proxy.calls()] == [(REGION, 200)]


def test_an_output_in_the_same_bucket_is_reached_in_its_own_way(bucket: Bucket) -> None:
    logs, tables = f"{bucket.url}/logs", f"{bucket.url}/logs2/tables"
    storage.connect({logs: Access(request_payer=True), tables: Access(encryption="AES256"), bucket.url: Access()})
    found = [functions.access_to(url) for url in (logs, f"{logs}/a", tables, f"{tables}/ledger/a", f"{bucket.url}/logs2")]
    known = Access(region=REGION, endpoint_url=bucket.endpoint)
    payer, encrypted = replace(known, request_payer=True), replace(known, encryption="AES256")
    assert found == [payer, payer, encrypted, encrypted, known]
    assert functions.access_to("s3://elsewhere/a") == Access()


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
        "AWS_SECRET_ACCESS_KEY; for a public bucket --no-sign-request (Unable to locate credentials)"
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
    storage.connect({bucket.url: Access(profile="audit")})
    assert [entry.key for entry in storage.list_tree(bucket.url)] == [f"{bucket.url}/a"]
    assert storage.read(f"{bucket.url}/a")[0] == b"content"


def test_a_public_bucket_is_read_without_credentials(odd_bucket: Bucket, other_keys: pytest.MonkeyPatch) -> None:
    odd_bucket.client.put_bucket_acl(Bucket=odd_bucket.name, ACL="public-read")
    odd_bucket.put("a", "b//c", body=b"content", ACL="public-read")
    other_keys.delenv("AWS_ACCESS_KEY_ID")
    other_keys.delenv("AWS_SECRET_ACCESS_KEY")
    storage.connect({odd_bucket.url: Access(unsigned=True)})
    assert [storage.read(entry.key)[0] for entry in storage.list_tree(odd_bucket.url)] == [b"content"] * 2


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
    storage.connect({bucket.url: Access()})
    proxy.tell(Fault("SlowDown"))
    assert failure(bucket.url) == "S3 answers 503 SlowDown after 4 tries: Please reduce your request rate."


def test_nothing_secret_travels_with_a_task(bucket: Bucket, aws_account: Keys) -> None:
    bucket.put("a")
    storage.connect({bucket.url: Access()})
    storage.read(f"{bucket.url}/a")
    travels = pickle.dumps(in_task(_count_bytes))
    assert bucket.endpoint.encode() in travels
    assert aws_account.secret_key.encode() not in travels
    assert aws_account.access_key.encode() not in travels


def _count_bytes(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        sizes = [len(storage.read(key)[0]) for key in batch["id"].to_pylist()]
        yield pa.RecordBatch.from_pydict({"size": pa.array(sizes, pa.int64())})


def test_a_task_reaches_the_bucket_as_the_driver_does_and_its_requests_are_counted(
    spark: SparkSession, proxy: Proxied, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a", "b", "c", body=b"content")
    storage.connect({bucket.url: Access()})
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    proxy.forget()
    tasks.start_meter(spark)
    keys = spark.createDataFrame([(f"{bucket.url}/{key}",) for key in "abc"], "id string").repartition(2)
    sizes = [row["size"] for row in keys.mapInArrow(in_task(_count_bytes), "size long").collect()]
    assert sizes == [7, 7, 7]
    assert tasks.metered() == requests.Requests(gets=3, bytes_in=21)
    assert proxy.counts() == {"GET": 3}


def test_a_description_is_text_that_says_nothing_secret(bucket: Bucket, aws_account: Keys) -> None:
    storage.connect({bucket.url: Access()})
    said = json.dumps({url: repr(how) for url, how in functions.connections().items()})
    assert aws_account.secret_key not in said
