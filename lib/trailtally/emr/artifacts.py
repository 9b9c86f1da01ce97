"""What `make dist` builds and EMR fetches: the files' names, the same in dist/ and in S3."""

import re
from typing import NamedTuple

from trailtally import __version__, storage
from trailtally.errors import UsageError

# EMR's releases with Spark 4.1 and 3.5 all have this one. `make dist` builds for others where it is told to.
PYTHONS = ("3.11",)
# As `uname -m` says it: Intel and AMD, Graviton.
MACHINES = ("x86_64", "aarch64")

# Names all the others, with what is in them. It is sent last, so that a set that has it is whole.
SUMS = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._+-]*)")
# The URL becomes a part of Spark's settings, where a space, a comma, a quote or a # would begin something else.
_URL = re.compile(r"s3://[A-Za-z0-9._-]+(/[A-Za-z0-9_.=+@-]+)*")
_FOLDER = re.compile(r"/trailtally-(\d[^/]*)$")


class Artifacts(NamedTuple):
    """The files of one version below a URL, such as s3://my-code/trailtally-0.1.0."""

    url: str
    version: str = __version__

    @property
    def job(self) -> str:
        """What spark-submit starts."""
        return f"{self.url}/daily_aggregates.py"

    @property
    def brief(self) -> str:
        """What spark-submit starts for the daily brief."""
        return f"{self.url}/daily_brief.py"

    @property
    def package(self) -> str:
        """The package for --py-files. The wheel will not do: Spark's workers import from a .zip alone."""
        return f"{self.url}/trailtally-{self.version}.zip"

    @property
    def sums(self) -> str:
        """The list of all files, as sha256sum writes it."""
        return f"{self.url}/{SUMS}"

    @property
    def bootstrap(self) -> str:
        """The bootstrap action of a cluster."""
        return f"{self.url}/bootstrap.sh"

    def wheelhouse(self, python: str, machine: str) -> str:
        """The packages that it needs, as wheels in a .tar, for bootstrap.sh."""
        return f"{self.url}/wheelhouse-{tag(python)}-{machine}.tar"

    def site_packages(self, python: str, machine: str) -> str:
        """The same, unpacked as a folder for PYTHONPATH, for EMR Serverless, which has no bootstrap action."""
        return f"{self.url}/site-packages-{tag(python)}-{machine}.tar.gz"


def artifacts_at(text: str) -> Artifacts:
    """The artifacts at s3://BUCKET/PREFIX, with or without the `trailtally-VERSION` of their folder at its end.

    UsageError where that is none of S3, or Spark could not be told of it.
    """
    url = storage.location(text)
    if not storage.is_remote(url):
        raise UsageError(f"{text}: EMR fetches the artifacts from S3. Give s3://BUCKET/PREFIX")
    if not _URL.fullmatch(url):
        raise UsageError(
            f"{text}: the artifacts' prefix may have letters, digits and _ . = + @ - between single slashes, no others"
        )
    if folder := _FOLDER.search(url):
        return Artifacts(url, folder[1])
    return Artifacts(f"{url}/trailtally-{__version__}")


def digests_in(sums: bytes, where: str, then: str) -> dict[str, str]:
    """The SHA-256 of each file that SHA256SUMS names; UsageError, with `where` that is and what to do `then`, if it is none."""
    try:
        lines = [_LINE.fullmatch(line) for line in sums.decode().splitlines()]
    except UnicodeDecodeError:
        lines = [None]
    digests = {line[2]: line[1] for line in lines if line}
    if not all(lines):
        raise UsageError(f"{where}: it has a line that is none of sha256sum's. {then}")
    return digests


def tag(python: str) -> str:
    """CPython's tag of a version, as wheels have it: 3.11 -> cp311."""
    return f"cp{python.replace('.', '')}"
