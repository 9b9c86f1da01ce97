"""The end of the driver's log, as EMR puts it in S3: every five minutes on a cluster, so it may come late."""

import datetime as dt
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from trailtally.emr.objects import PIECE, below, pieces
from trailtally.emr.runs import Run
from trailtally.errors import TrailtallyError

LINES = 20
# A summary that names ten files, and what came before it.
_MOST_LINES = 60
# Sixty lines are seldom longer. A driver that ran for days may have written gigabytes.
_END_BYTES = 256 << 10
_MOST_CHARACTERS = 2_000

_YARN = re.compile(rb"\bapplication_\d+_\d+\b")
_CONTAINER = re.compile(r"^container_(?:e\d+_)?\d+_\d+_\d+_0*1/(stdout|stderr)(?:\.gz)?$")
# The job's own last words: an error, or how the text of a summary or a dry run begins.
_ERROR = "trailtally: "
_SUMMARY = re.compile(r"^(files:    |nothing new: )")
# How it ends that it has published, but not all could be read: the job's status is 3.
_INCOMPLETE = re.compile(r"^(NOT COMPLETE|NOT COUNTED): ")


class Log(NamedTuple):
    """The end of a log: its lines, where it is, when EMR put it there. `own`: the job's own last words are among them."""

    url: str
    lines: list[str]
    written: dt.datetime
    own: bool

    def is_whole(self, run: Run) -> bool:
        """Whether nothing more will come."""
        return self.own or (run.ended is not None and self.written >= run.ended)


class Logs(NamedTuple):
    """What could be had of a run's logs: what the job said; where that has none of its last words, what Spark said, too.

    `trouble` says why there is nothing.
    """

    ends: list[Log]
    trouble: str = ""

    def is_whole(self, run: Run) -> bool:
        """Whether nothing more will come."""
        return bool(self.trouble) or run.logs is None or any(log.is_whole(run) for log in self.ends[:1])

    @property
    def is_incomplete(self) -> bool:
        """Whether the job says that it has published, but could not read all: that is its status 3."""
        return any(log.own and any(map(_INCOMPLETE.match, log.lines)) for log in self.ends)


def driver_logs(s3: Any, run: Run) -> Logs:
    """The ends of the driver's logs. It raises nothing: what became of the run is to be told all the same."""
    if run.logs is None:
        return Logs([])
    try:
        found = _files(s3, run)
        ends: list[Log] = []
        for kind in ("stdout", "stderr"):
            if kind in found and not any(log.own for log in ends):
                ends.append(_end(s3, *found[kind]))
    except TrailtallyError as error:
        return Logs([], str(error))
    return Logs(ends)


def expected_at(run: Run) -> str:
    """Where the log will be, for a message: a file, or the folder of the containers of YARN's application."""
    if _is_serverless(run):
        return f"{run.logs}/SPARK_DRIVER/stdout.gz"
    return f"{run.logs}/containers/{run.yarn[-1]}/" if run.yarn else f"{run.logs}/steps/{run.number}/stderr.gz"


def _is_serverless(run: Run) -> bool:
    return "/applications/" in (run.logs or "")


File = tuple[str, dict[str, Any]]


def _files(s3: Any, run: Run) -> dict[str, File]:
    """stdout and stderr of the driver as (URL, what a listing says), as far as they are there."""
    if _is_serverless(run):
        return _named(f"{run.logs}/SPARK_DRIVER", below(s3, f"{run.logs}/SPARK_DRIVER"), re.compile(r"^(stdout|stderr)\.gz$"))
    step = f"{run.logs}/steps/{run.number}"
    of_step = _named(step, below(s3, step), re.compile(r"^(stdout|stderr)(?:\.gz)?$"))
    # The driver runs in the first container of YARN's application; the step's own log is of what started that.
    yarn = run.yarn or (_application(s3, of_step["stderr"][0]) if "stderr" in of_step else ())
    for application in yarn[-1:]:
        folder = f"{run.logs}/containers/{application}"
        if of_driver := _named(folder, below(s3, folder), _CONTAINER):
            return of_driver
    return of_step


def _named(folder: str, objects: dict[str, dict[str, Any]], pattern: re.Pattern[str]) -> dict[str, File]:
    """Of several attempts the last one."""
    matches = ((pattern.match(name), name) for name in sorted(objects))
    return {match[1]: (f"{folder}/{name}", objects[name]) for match, name in matches if match}


def _application(s3: Any, url: str) -> tuple[str, ...]:
    """The first one that a log names; what comes after it is not read."""
    rest = b""
    for piece in _text(s3, url):
        whole, _, rest = (rest + piece).rpartition(b"\n")
        if found := _YARN.search(whole):
            return (found[0].decode(),)
        rest = rest[-_END_BYTES:]
    found = _YARN.search(rest)
    return (found[0].decode(),) if found else ()


def _end(s3: Any, url: str, listed: dict[str, Any]) -> Log:
    lines = _last_lines(s3, url) if listed["Size"] else []
    begins = [i for i, line in enumerate(lines) if line.startswith(_ERROR) or _SUMMARY.match(line)]
    own = lines[min(begins[-1], max(len(lines) - LINES, 0)) :] if begins else []
    return Log(url, own or lines[-LINES:], listed["LastModified"].astimezone(dt.UTC), bool(begins))


def _last_lines(s3: Any, url: str) -> list[str]:
    """Of a log, gzipped or not; those before it broke off, where it does. No line is longer than a person would read."""
    end = b""
    # S3 takes no Range of an object that is empty.
    for piece in _text(s3, url, Range=f"bytes=-{_END_BYTES}"):
        end = (end + piece)[-_END_BYTES:]
    lines = end.decode(errors="replace").splitlines()[-_MOST_LINES:]
    return [line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]}..." for line in lines]


def _text(s3: Any, url: str, **of_plain: str) -> Iterator[bytes]:
    """The text of a log from its beginning, piece by piece. `of_plain`: of the request for one that is not gzipped."""
    return _inflated(pieces(s3, url)) if url.endswith(".gz") else pieces(s3, url, **of_plain)


def _inflated(zipped: Iterable[bytes]) -> Iterator[bytes]:
    """What gzip made small, up to where it is none. Never more than a piece at a time: a log shrinks to a hundredth and less."""
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for piece in zipped:
            left = piece
            while left:
                if member.eof:  # EMR may put several together
                    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
                yield member.decompress(left, PIECE)
                left = member.unused_data or member.unconsumed_tail
    except zlib.error:
        return
