"""Where a tree of log files and the tables lie while tests change them: folders of this machine, or buckets of a test server."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from s3.fault import Fault
from s3.proxied import Proxied
from s3.servers import Bucket

# A folder in memory where there is one, for temporary folders: each write to a disk is waited for.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - folders of our own are made there


class Folders:
    """A tree and an output in a folder of their own. The files have an inode each, so each version has its e_tag."""

    # Whether a listing alone shows that a file cannot be read.
    blocked_shows = True

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY)).resolve()
        self._tree, self._output, self._aside = (self._folder / name for name in ("tree", "tables", "aside"))
        for folder in (self._tree, self._aside):
            folder.mkdir()
        self.tree, self.output = str(self._tree), str(self._output)

    def remove(self) -> None:
        """Removes all of it."""
        shutil.rmtree(self._folder)

    def put(self, file: str, data: bytes, number: int, replaces: int | None) -> None:
        """Writes version `number` of a file. The one that it replaces is kept, so that it can be put back."""
        path = self._tree / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if replaces is not None:
            path.rename(self._old(file, replaces))
        # Another file in its place, for clocks of file systems are slow.
        new = path.with_suffix(f".{number}")
        new.write_bytes(data)
        new.rename(path)

    def put_back(self, file: str, number: int) -> None:
        """A version that was replaced takes its place again, with the e_tag that it had."""
        self._old(file, number).rename(self._tree / file)

    def block(self, file: str) -> None:
        """The file is there and cannot be read."""
        (self._tree / file).rename(self._aside / file.replace("/", "_"))
        (self._tree / file).symlink_to("nowhere")

    def let_in(self, file: str) -> None:
        """It can be read again."""
        (self._aside / file.replace("/", "_")).rename(self._tree / file)

    def expire(self, file: str) -> None:
        """It is deleted."""
        (self._tree / file).unlink()

    def objects(self) -> dict[str, Any]:
        """Every object of the output, with what changes whenever it is written."""
        files = (path for path in self._output.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}

    def left(self) -> list[str]:
        """What runs left beside the tables."""
        return sorted(path.name for path in (self._output / "_trailtally").iterdir())

    def _old(self, file: str, number: int) -> Path:
        return self._aside / f"{file.replace('/', '_')} {number}"


class Buckets:
    """A tree and an output in two buckets. The job reaches them through a proxy, which denies what is blocked."""

    blocked_shows = False

    def __init__(self, proxy: Proxied, tree: Bucket, output: Bucket) -> None:
        self._proxy, self._tree, self._output = proxy, tree, output
        self.tree, self.output = f"{tree.url}/logs", f"{output.url}/tables"
        self._old: dict[tuple[str, int], bytes] = {}
        self._blocked: set[str] = set()

    def remove(self) -> None:
        """Lets all files in; the buckets go with the server."""
        self._blocked.clear()
        self._tell()

    def put(self, file: str, data: bytes, number: int, replaces: int | None) -> None:  # noqa: ARG002 - as Folders has it
        """Writes version `number` of a file."""
        self._old[file, number] = data
        self._tree.put(f"logs/{file}", body=data)

    def put_back(self, file: str, number: int) -> None:
        """An earlier version is written again: S3's e_tag is a hash of the content."""
        self._tree.put(f"logs/{file}", body=self._old[file, number])

    def block(self, file: str) -> None:
        """The file is there and its reading is denied."""
        self._blocked.add(file)
        self._tell()

    def let_in(self, file: str) -> None:
        """It is allowed again."""
        self._blocked.remove(file)
        self._tell()

    def expire(self, file: str) -> None:
        """It is deleted, and denied no more."""
        self._tree.client.delete_object(Bucket=self._tree.name, Key=f"logs/{file}")
        self._blocked.discard(file)
        self._tell()

    def objects(self) -> dict[str, Any]:
        """Every object of the output, with what changes whenever it is written."""
        pages = self._output.client.get_paginator("list_objects_v2").paginate(Bucket=self._output.name)
        return {found["Key"]: (found["ETag"], found["LastModified"]) for page in pages for found in page.get("Contents", [])}

    def left(self) -> list[str]:
        """What runs left beside the tables."""
        return [key for key in self._output.keys("tables/") if "/_" in key]

    def _tell(self) -> None:
        self._proxy.tell(*(Fault("AccessDenied", kinds=("GET",), key=f"^logs/{re.escape(file)}$") for file in self._blocked))
