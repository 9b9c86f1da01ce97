"""How S3 is reached: what the user said of profile, region and endpoint.

This description is what travels to Spark's tasks, and nothing in it is secret: credentials are found by boto3's chain where they
are used. What the user left open is told by the usual AWS environment variables and files, as everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Access:
    """How to reach a bucket; None is whatever boto3's chain says.

    `encryption` and `kms_key_id` are for what is written: AES256, aws:kms or aws:kms:dsse. Without them the bucket's default
    holds.
    """

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    request_payer: bool = False
    unsigned: bool = False
    encryption: str | None = None
    kms_key_id: str | None = None

    @property
    def payer(self) -> dict[str, str]:
        """What a request says of who pays for it."""
        return {"RequestPayer": "requester"} if self.request_payer else {}

    @property
    def encrypted(self) -> dict[str, Any]:
        """What a write says of its encryption."""
        if not self.encryption:
            return {}
        # Nothing of bucket keys: boto3's transfers know no such option, and the bucket's default holds.
        key: dict[str, Any] = {"SSEKMSKeyId": self.kms_key_id} if self.kms_key_id else {}
        return {"ServerSideEncryption": self.encryption, **key}


_accesses: dict[str, Access] = {}


def connect(accesses: Mapping[str, Access]) -> None:
    """From now on, this process reaches what lies at or below each of these URLs so; all else as boto3's chain says."""
    _accesses.clear()
    _accesses.update(accesses)


def connections() -> dict[str, Access]:
    """What `connect` was given last."""
    return dict(_accesses)


def access_to(url: str) -> Access:
    """How to reach an object."""
    found = [place for place in _accesses if url == place or url.startswith(f"{place}/")]
    return _accesses[max(found, key=len)] if found else Access()
