"""The places of a tree, which the driver finds by listing folders only, down to account x region; checks of --input."""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from trailtally.cloudtrail import layout
from trailtally.errors import TrailtallyError, UsageError
from trailtally.stages.parts import parts_of
from trailtally.storage import Store, key_of, path_of
from trailtally.terminal import pluralize

# Folders that are listed at the same time: requests to S3 wait most of the time, a folder of this machine answers at once.
_REMOTE_THREADS, _LOCAL_THREADS = 32, 4

# A tree has some ten levels. A store that shows a folder in each folder would never end.
_DEEPEST, _MOST_FOLDERS = 100, 1_000_000


class Listing(Enum):
    """How a place is listed."""

    TREE = "all objects below it"
    FLAT = "its own files only"
    ONE = "it is one object"
    LOOP = "it links back to a folder that it lies in: not followed"
    BESIDE = "what sorts before its asked-for days and lies in no folder of a year, month or day"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or object to list, by its key. `after` and `last`, if not empty, limit the names below it."""

    path: str
    how: Listing
    after: str = ""
    last: str = ""


@dataclass
class Places:
    """The places of a tree. `passed` counts the folders of other kinds of logs, by name."""

    found: list[Place] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)


class _Folder(NamedTuple):
    path: str
    above: frozenset[str]


class _Look(NamedTuple):
    """What a folder is: places to list, or the name of a folder that is not entered; and the folders to look at next."""

    found: Sequence[Place] = ()
    passed: Sequence[str] = ()
    below: Sequence[_Folder] = ()


def find_places(store: Store, *, since: str | None) -> Places:
    """Return the places of a tree, sorted, from any level of it, or of one file.

    With `since` (YYYY-MM-DD), without those whose folders hold earlier deliveries only. Raises TrailtallyError where a folder of
    S3 cannot be listed, or where folders do not end.
    """
    if not store.is_folder(store.root):
        return Places([Place(key_of(store.root), Listing.ONE)])
    places, level, looked_at = Places(), [_Folder(store.root, frozenset())], 0
    with ThreadPoolExecutor(_threads(store)) as threads:
        for _ in range(_DEEPEST):
            # A level at a time: a thousand accounts have some thousand folders.
            looks = list(threads.map(lambda folder: _look(store, folder, since or ""), level))
            looked_at += len(level)
            level = []
            for look in looks:
                places.found += look.found
                places.passed.update(look.passed)
                level += look.below
            if not level:
                places.found.sort(key=lambda place: (place.path, place.how.name))
                return places
            if looked_at + len(level) > _MOST_FOLDERS:
                raise TrailtallyError(_endless(store, f"more than {_MOST_FOLDERS:,} folders above those of regions"))
    raise TrailtallyError(_endless(store, f"folders in folders, more than {_DEEPEST} deep"))


def _threads(store: Store) -> int:
    return _REMOTE_THREADS if store.is_remote else _LOCAL_THREADS


def _endless(store: Store, what: str) -> str:
    return f"--input {key_of(store.root)}: {what}. Give the folder that holds AWSLogs"


def _look(store: Store, folder: _Folder, since: str) -> _Look:
    path, above = folder
    kind = layout.classify_folder(path)
    if kind is layout.Folder.PASSED:
        trees = [below for below in _folders_if_allowed(store, path) if layout.is_tree(below.rpartition("/")[2])]
        return _Look(passed=[path.rpartition("/")[2]], below=[_Folder(below, above) for below in trees])
    if (itself := store.identity(path)) in above:
        return _Look(found=[Place(key_of(path), Listing.LOOP)])
    if kind is layout.Folder.LIST:
        return _Look(found=list(_dated_places(path, since)))
    folders = store.folders_to_enter(path)
    # Where a folder cannot be entered, its listing has the reason.
    here = Place(key_of(path), Listing.TREE if folders is None else Listing.FLAT)
    return _Look(found=[here], below=[_Folder(below, above | {itself}) for below in folders or ()])


def _folders_if_allowed(store: Store, path: str) -> list[str]:
    """Return the folders in one that is not entered; none where listing it, a folder of digests say, is denied."""
    with contextlib.suppress(OSError):
        return store.folders_to_enter(path) or []
    return []


def _dated_places(path: str, since: str) -> Iterator[Place]:
    """Yield the places of a folder whose names begin with dates."""
    after = layout.delivered_since(path, since)
    if after is None:
        return
    if after:
        yield Place(key_of(path), Listing.BESIDE, last=after)
    yield Place(key_of(path), Listing.TREE, after=after)


def cut_places(store: Store, places: Places) -> list[Place]:
    """Return the places, the large ones cut into parts that tasks list at the same time. One request to S3 a region."""
    if not store.is_remote:
        return places.found

    def cut(place: Place) -> list[Place]:
        if place.how is not Listing.TREE:
            return [place]
        return [Place(place.path, place.how, *part) for part in parts_of(store, path_of(place.path), place.after)]

    with ThreadPoolExecutor(_threads(store)) as threads:
        return [part for parts in threads.map(cut, places.found) for part in parts]


def no_log_file_message(inputs: Iterable[str], passed: Counter[str], *, ignored: int, since: str | None) -> str:
    """Return the message of a run that found no log file: what is there instead, and what to give."""
    seen = [f"{pluralize(count, 'folder')} {name}" for name, count in sorted(passed.items())]
    seen += [pluralize(ignored, "other file")] if ignored else []
    what = f"only {', '.join(seen)}" if seen else "it is empty"
    if since:
        return (
            f"--input {' '.join(inputs)}: no CloudTrail log file was delivered on {since} or later. Give an earlier day, or run "
            f"first without --delivered-since. A log file is {layout.EXPECTED}"
        )
    return (
        f"--input {' '.join(inputs)}: no CloudTrail log file found, {what}. "
        f"Expected {layout.EXPECTED}: give the folder that holds AWSLogs"
    )


_BUCKET_ARN = re.compile(r"^arn:[^:]*:s3:::(?P<path>.+)$", re.IGNORECASE)
_ARN = re.compile(r"^(?:s3[an]?://)?arn:", re.IGNORECASE)


def check_input_text(text: str) -> None:
    """Raise UsageError where an --input has a wildcard or is an ARN, unless a path of this machine has exactly this name."""
    if os.path.lexists(text):
        return
    if bucket := _BUCKET_ARN.match(text):
        raise UsageError(f"--input {text}: this is an ARN. Give s3://{bucket['path'].removesuffix('/*').removesuffix('*')}")
    if _ARN.match(text):
        raise UsageError(
            f"--input {text}: this is an ARN, as of an access point. Give s3://BUCKET/PREFIX, and as BUCKET "
            "the bucket or the access point's alias (aws s3control get-access-point shows it)"
        )
    if "*" in text or "?" in text:
        raise UsageError(f"--input {text}: wildcards are not taken. Give the folder: it is listed whole")
