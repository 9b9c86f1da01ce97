"""How S3 is reached: what the user said of profile, region and endpoint.

This travels to the tasks inside a store. Nothing in it is secret: boto3's chain finds the credentials where they are used. What
the user left open comes from the usual AWS environment variables and files.
"""

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
