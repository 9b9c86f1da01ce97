"""boto3's client and obstore's reader of a bucket, made once in each process. Loading these libraries takes half a second."""

import datetime as dt
import threading
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.session import Session
from botocore.utils import parse_timestamp
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from trailtally.storage import requests
from trailtally.storage.access import Access
from trailtally.storage.requests import Requests

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

# Tries of one request. The waits of "legacy" retries double, to a minute in all, longer than S3 throttles a prefix. "standard"
# retries wait for six seconds in all after most errors, and share one quota in each client: after some forty throttled objects,
# the next ones are not tried again at all.
TRIES, _RETRIES = 8, "legacy"

# Tries of the first request: a wrong endpoint should not keep the user waiting.
FIRST_TRIES = 4

_CONNECTIONS = 64
_CONNECT_SECONDS, _READ_SECONDS = 10, 60

# obstore gives up soon: boto3 tries again what obstore could not read, and its errors are more precise.
_FAST_RETRIES: dict[str, Any] = {"max_retries": 3, "retry_timeout": dt.timedelta(seconds=30)}
_FAST_TIMES: dict[str, Any] = {"connect_timeout": "10s", "read_timeout": "20s", "timeout": "300s"}

# boto3 renews credentials ten minutes before they end, at the latest.
_CREDENTIALS_LAST = dt.timedelta(minutes=5)

# A proxy that does not exist: what is sent to it fails at once.
_NO_PROXY = "http://127.0.0.1:1"

_LISTS = {"ListObjectsV2"}
_GETS = {"GetObject", "HeadObject", "HeadBucket"}
_FREE = {"DeleteObject", "DeleteObjects", "AbortMultipartUpload"}


# boto3's sessions are not safe to share between threads that make clients.
_client_lock = threading.RLock()


def client(access: Access, tries: int = TRIES) -> Any:
    """Return the boto3 client of S3, which all threads may use. Raises botocore's errors for a bad profile or configuration."""
    with _client_lock:
        return _client(access.profile, access.region, access.endpoint_url, access.unsigned, tries)


@cache
def _client(profile: str | None, region: str | None, endpoint_url: str | None, unsigned: bool, tries: int) -> Any:
    options: dict[str, Any] = {
        "retries": {"mode": _RETRIES, "total_max_attempts": tries},
        "max_pool_connections": _CONNECTIONS,
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        # A store that is not Amazon's may not know the newer checksums.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    if unsigned:
        options["signature_version"] = UNSIGNED
    s3 = _session(profile).client("s3", region_name=region, endpoint_url=endpoint_url, config=Config(**options))
    s3.meta.events.register("before-send.s3", _count)
    if not is_amazons(s3.meta.endpoint_url):
        s3.meta.events.register("before-call.s3.HeadBucket", _no_region)
    return s3


@cache
def _session(profile: str | None) -> boto3.Session:
    session = Session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return boto3.Session(profile_name=profile, botocore_session=session)


def _time(value: Any) -> dt.datetime:
    """Return a time of an answer. botocore's own parser guesses the format, which took two thirds of a listing's time."""
    try:
        return dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        parsed: dt.datetime = parse_timestamp(value)
        return parsed


def _no_region(**_: object) -> tuple[Any, dict[str, Any]]:
    """Answer botocore's HeadBucket, by which it looks for a bucket's region after a redirect that names none.

    Where that request is redirected as well, botocore repeats it for ever. Nothing else sends a HeadBucket.
    """
    answer = {"HTTPStatusCode": 404, "HTTPHeaders": {}}
    return SimpleNamespace(status_code=404), {"Error": {"Code": "404"}, "ResponseMetadata": answer}


def _count(event_name: str, **_: object) -> None:
    operation = event_name.rpartition(".")[2]
    if operation in _LISTS:
        requests.count(Requests(lists=1))
    elif operation in _GETS:
        requests.count(Requests(gets=1))
    elif operation not in _FREE:
        requests.count(Requests(puts=1))


def region_of(client: Any) -> str:
    """Return the region that a client signs for, unless its bucket names another."""
    region = client.meta.region_name
    return region if region and region != "aws-global" else "us-east-1"


def is_amazons(endpoint_url: str) -> bool:
    """Return whether an endpoint is Amazon's own."""
    return (urlsplit(endpoint_url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


def fast_store(access: Access, bucket: str) -> S3Store | None:
    """Return obstore's reader of a bucket: three times the requests of boto3 in a second, for an eighth of its CPU time.

    None where it could send credentials elsewhere. obstore follows every redirect, which no option prevents: to another host it
    sends the session token, though not the signature. boto3 follows no redirect. So requests to other hosts go to a proxy that
    does not exist. A redirect to another port of the same host is still followed: so there is no reader for a session token,
    unless the endpoint is Amazon's.
    """
    with _client_lock:
        return _fast_store(bucket, access, client(access))


@cache
def _fast_store(bucket: str, access: Access, client: Any) -> S3Store | None:
    endpoint = client.meta.endpoint_url
    trusted = endpoint.startswith("https://") and is_amazons(endpoint)
    options: dict[str, Any] = {"skip_signature": True}
    if not access.unsigned:
        provider = Boto3CredentialProvider(_session(access.profile), ttl=_CREDENTIALS_LAST)
        if not trusted and provider.credentials.get_frozen_credentials().token:
            return None
        options = {"credential_provider": provider}
    proxy: dict[str, str] = {}
    if not _is_proxied(endpoint):
        proxy = {"proxy_url": _NO_PROXY, "proxy_excludes": urlsplit(endpoint).hostname or ""}
    elif not trusted:
        return None
    return S3Store(
        bucket,
        region=region_of(client),
        endpoint=endpoint,
        request_payer=access.request_payer,
        client_options=cast("ClientConfig", {"allow_http": endpoint.startswith("http://"), **_FAST_TIMES, **proxy}),
        retry_config=cast("RetryConfig", _FAST_RETRIES),
        **options,
    )


def _is_proxied(endpoint: str) -> bool:
    """Return whether the environment has a proxy for an endpoint, which the user needs to get there."""
    parts = urlsplit(endpoint)
    proxies = getproxies()
    return bool(proxies.get(parts.scheme) or proxies.get("all")) and not proxy_bypass(parts.hostname or "")
