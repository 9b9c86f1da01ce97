"""A request to S3 as a call: its kind, its key, and the permissions that AWS asks for it.

The permissions are those of the Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3", and of
the guide's "Required permissions for Amazon S3 API operations".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import unescape

# (method, what of the object or bucket is asked for) -> the call's kind and the action of policies
OF_OBJECTS = {
    ("GET", ""): ("GET", "s3:GetObject"),
    ("HEAD", ""): ("HEAD", "s3:GetObject"),
    ("PUT", ""): ("PUT", "s3:PutObject"),
    ("DELETE", ""): ("DELETE", "s3:DeleteObject"),
    ("POST", "uploads"): ("CREATE_UPLOAD", "s3:PutObject"),
    ("PUT", "uploadId"): ("PART", "s3:PutObject"),
    ("POST", "uploadId"): ("COMPLETE_UPLOAD", "s3:PutObject"),
    ("DELETE", "uploadId"): ("ABORT_UPLOAD", "s3:AbortMultipartUpload"),
    ("GET", "uploadId"): ("LIST_PARTS", "s3:ListMultipartUploadParts"),
    ("GET", "tagging"): ("TAGS", "s3:GetObjectTagging"),
    ("POST", "restore"): ("RESTORE", "s3:RestoreObject"),
}
OF_BUCKETS = {
    ("GET", ""): ("LIST", "s3:ListBucket"),
    ("HEAD", ""): ("HEAD_BUCKET", "s3:ListBucket"),
    ("PUT", ""): ("CREATE_BUCKET", "s3:CreateBucket"),
    ("POST", "delete"): ("DELETE_MANY", "s3:DeleteObject"),
    ("GET", "location"): ("LOCATION", "s3:GetBucketLocation"),
    ("GET", "uploads"): ("LIST_UPLOADS", "s3:ListBucketMultipartUploads"),
    ("GET", "versions"): ("LIST_VERSIONS", "s3:ListBucketVersions"),
    ("GET", "versioning"): ("VERSIONING", "s3:GetBucketVersioning"),
    ("GET", "encryption"): ("ENCRYPTION", "s3:GetEncryptionConfiguration"),
    ("GET", "lifecycle"): ("LIFECYCLE", "s3:GetLifecycleConfiguration"),
}
# Parameters that say nothing of what is asked for, and those of presigned URLs
PLAIN = re.compile(
    r"list-type|prefix|delimiter|marker|start-after|continuation-token|max-keys|encoding-type|fetch-owner|partNumber|versionId"
    r"|key-marker|upload-id-marker|max-uploads|x-id|response-.*|X-Amz-.*"
)


@dataclass
class Call:
    """One request, and what became of it."""

    kind: str
    bucket: str
    key: str  # of LIST and LIST_UPLOADS the prefix
    permissions: list[tuple[str, str]]  # action and resource
    region: str  # that it was signed for
    range: str = ""
    status: int = 0  # of the answer; 0 as long as there is none
    fault: str = ""  # what was injected but delays
    received: int = 0  # bytes of the request's body
    sent: int = 0  # bytes of the answer's body
    context: dict[str, str] = field(default_factory=dict)  # for the conditions of policies

    @property
    def actions(self) -> list[str]:
        """The actions of policies that the call needs."""
        return [action for action, _ in self.permissions]


def call_of(method: str, target: str, headers: Mapping[str, str]) -> Call:
    """The call that a request line and headers (names in lower case) make. Path style is taken for granted."""
    path, _, query_text = target.partition("?")
    bucket, _, key = unquote(path, errors="surrogateescape").lstrip("/").partition("/")
    query = dict(parse_qsl(query_text, keep_blank_values=True))
    asked = "+".join(sorted(name for name in query if not PLAIN.fullmatch(name)))
    table = OF_OBJECTS if key else OF_BUCKETS if bucket else {("GET", ""): ("LIST_BUCKETS", "s3:ListAllMyBuckets")}
    kind, action = table.get((method, asked), (f"{method} {asked}".strip(), "s3:Unknown"))
    if "versionId" in query:
        action += "Version"
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}" if bucket else "*"
    call = Call(kind, bucket, key or query.get("prefix", ""), [(action, resource)], _signed_region(headers))
    call.range = headers.get("range", "")
    call.context = {f"s3:{name}": query[name] for name in ("prefix", "delimiter") if name in query and kind.startswith("LIST")}
    if "x-amz-copy-source" in headers:
        source = unquote(headers["x-amz-copy-source"]).lstrip("/").partition("?")[0]
        call.kind = {"PUT": "COPY", "PART": "PART_COPY"}[kind]
        call.permissions.insert(0, ("s3:GetObject", f"arn:aws:s3:::{source}"))
    elif kind == "PUT":
        call.kind = "CREATE" if "if-none-match" in headers else "SWAP" if "if-match" in headers else "PUT"
    call.permissions += _of_headers(kind, resource, headers)
    if any(action.startswith("kms:") for action, _ in call.permissions):
        call.context["kms:ViaService"] = f"s3.{call.region}.amazonaws.com"
    return call


def _of_headers(kind: str, resource: str, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if "x-amz-tagging" in headers:
        yield "s3:PutObjectTagging", resource
    if "x-amz-acl" in headers:
        yield "s3:PutObjectAcl", resource
    if headers.get("x-amz-server-side-encryption") == "aws:kms":
        key = headers.get("x-amz-server-side-encryption-aws-kms-key-id", "*")
        yield "kms:GenerateDataKey", key
        if kind == "CREATE_UPLOAD":  # each part is read again with the upload's data key
            yield "kms:Decrypt", key


def _signed_region(headers: Mapping[str, str]) -> str:
    match = re.search(r"Credential=[^/]+/\d+/([^/]+)/", headers.get("authorization", ""))
    return match[1] if match else ""


def deletions(bucket: str, body: bytes) -> list[tuple[str, str]]:
    """The permissions that DeleteObjects needs, from its body: one for each key."""
    keys = re.findall(r"<Key>(.*?)</Key>", body.decode(), re.DOTALL)
    return [("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{unescape(key)}") for key in keys]
