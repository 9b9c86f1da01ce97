"""The options by which S3 is reached: profile, region, endpoint.

They travel to the tasks inside a store. They hold no secret: boto3's chain finds the credentials where they are used. Options
that are not given come from the usual AWS environment variables and files.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Access:
    """How to reach a bucket; for None boto3's chain decides.

    `encryption` and `kms_key_id` are for what is written: AES256, aws:kms or aws:kms:dsse. Without them the bucket's default
    holds. `is_input`: the logs are reached by it, which may be public (--no-sign-request).
    """

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    request_payer: bool = False
    unsigned: bool = False
    encryption: str | None = None
    kms_key_id: str | None = None
    is_input: bool = field(default=False, compare=False)

    @property
    def payer(self) -> dict[str, str]:
        """Return the parameters of a request that say who pays for it."""
        return {"RequestPayer": "requester"} if self.request_payer else {}

    @property
    def encrypted(self) -> dict[str, Any]:
        """Return the parameters of a write that say how it is encrypted."""
        if not self.encryption:
            return {}
        # Without a bucket key: boto3's transfers have no such option, and the bucket's default holds.
        key: dict[str, Any] = {"SSEKMSKeyId": self.kms_key_id} if self.kms_key_id else {}
        return {"ServerSideEncryption": self.encryption, **key}
