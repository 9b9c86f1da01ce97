"""Makes the example tree: five days of three accounts, small enough to read by eye, with what makes real trees hard.

    python examples/make_tree.py FOLDER

The shop (a trail of its own), development (an organization's trail) and audit (Control Tower's) are called by IAM users,
root, roles with many sessions, an Identity Center user, AWS services and another account: from IPv4, IPv6, services' names
and `AWS Internal`. Their launches are ordinary, failed, dry-run, spot, Auto Scaling's, and one without its response
(`launches.py`); among them is the record of the article of 2013 that this project began with. One file comes twice, one days
late, one on the next day's path; one record replaces another; a digest lies beside the logs, and one file is truncated
(`deliveries.py`).

The bytes are the same every time, on every Python and zlib. A tree that this script made is replaced; a folder that holds
anything else is left alone.
"""

import argparse
import shutil
import struct
import sys
import zlib
from pathlib import Path
from typing import TypedDict

from deliveries import MARK, broken_file, digest, whole_files

WRONG_USE = 2

# Deflate's largest stored block.
_BLOCK = 0xFFFF


class Expected(TypedDict):
    """What a run of the daily job must find. Files: without the digest, which is not entered."""

    read: int
    rejected: int
    records: int
    events: int
    duplicates: int
    launches: int
    days: list[str]


# Counted by gunzip, jq and sort, not by this project.
EXPECTED: Expected = {
    "read": 77,
    "rejected": 1,
    "records": 287,
    "events": 284,
    "duplicates": 3,
    "launches": 14,
    "days": ["2013-11-13", "2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09"],
}


class ForeignFolder(Exception):
    """The folder holds something that this script did not make."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="new, empty, or a tree that this script made: it is replaced")
    folder = parser.parse_args().folder
    try:
        replace_tree(folder, example_tree())
    except ForeignFolder as problem:
        print(f"make_tree.py: {problem}", file=sys.stderr)
        return WRONG_USE
    except OSError as problem:
        print(f"make_tree.py: cannot write the example tree to {folder}: {problem}", file=sys.stderr)
        return 1
    return 0


def example_tree() -> dict[str, bytes]:
    """The tree's files by path."""
    broken = gzipped(broken_file().content)
    tree = {file.path: gzipped(file.content) for file in whole_files()}
    tree[broken_file().path] = broken[: len(broken) // 2]
    path, content = digest()
    return tree | {path: gzipped(content)}


def replace_tree(folder: Path, tree: dict[str, bytes]) -> None:
    """Writes the tree in place of the one that may be there. Raises ForeignFolder, before anything is touched."""
    if folder.exists():
        _refuse_foreign(folder)
        for child in folder.iterdir():
            shutil.rmtree(child)
    for path, content in tree.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _refuse_foreign(folder: Path) -> None:
    if not folder.is_dir():
        raise ForeignFolder(f"{folder} is not a folder. Give a new or empty folder")
    for path in sorted(folder.rglob("*")):
        ours = path.is_dir() or (f"_{MARK}" in path.name and path.parent != folder)
        if path.is_symlink() or not ours:
            raise ForeignFolder(
                f"{folder} holds {path.relative_to(folder)}, which this script did not make. Give a new or empty folder"
            )


def gzipped(content: bytes) -> bytes:
    """The content in gzip's format, stored and not compressed: compressors differ from version to version, this does not."""
    blocks = [content[at : at + _BLOCK] for at in range(0, len(content), _BLOCK)] or [b""]
    return b"".join(
        [
            b"\x1f\x8b\x08\x00",  # deflate, no name
            bytes(4),  # no time
            b"\x00\xff",  # neither fastest nor best, system unknown
            *(_stored(block, last=number == len(blocks)) for number, block in enumerate(blocks, 1)),
            struct.pack("<II", zlib.crc32(content), len(content)),
        ]
    )


def _stored(block: bytes, *, last: bool) -> bytes:
    return struct.pack("<BHH", last, len(block), len(block) ^ _BLOCK) + block


if __name__ == "__main__":
    sys.exit(main())
