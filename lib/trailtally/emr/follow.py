"""A run followed to its end, and what became of it."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from trailtally.emr.answers import is_no_answer
from trailtally.emr.logs import Logs, driver_logs, expected_at
from trailtally.emr.runs import Place, Run, duration, ended_before, lasted
from trailtally.errors import Terminated, TrailtallyError
from trailtally.terminal import printable

_POLL_SECONDS = 15.0
# A state that lasts is told again after so long.
_TELL_SECONDS = 300.0
# So long nobody may answer.
_LOST_SECONDS = 900.0
# EMR puts logs in S3 every five minutes.
_LOG_SECONDS = 420.0

Say = Callable[[str], None]


class RunFailed(TrailtallyError):
    """A run ended otherwise than with 0."""


class StoppedWaiting(TrailtallyError):
    """Whoever waited for a run was told to stop. The run goes on."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@contextlib.contextmanager
def told_of_run(known: Callable[[], str]) -> Iterator[None]:
    """Raises StoppedWaiting, with what is `known` of the run by then, where the block is told to stop."""
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedWaiting(f"interrupted; {known()}", 130) from None
    except Terminated:
        raise StoppedWaiting(f"told to end (SIGTERM); {known()}", 143) from None


def goes_on(place: Place, number: str) -> str:
    """That a run does, and the command that tells of it."""
    return f"{place.word} {number} goes on. What becomes of it: trailtally emr status {place.options} {place.option_of(number)}"


def follow(place: Place, number: str, *, say: Say) -> Run:
    """Waits for the end of a run, whatever it is. Raises TrailtallyError where that cannot be had: the run itself goes on."""
    what = f"{place.word} {number}"
    try:
        say(what)
        return _ended(place, number, what, say)
    except TrailtallyError as error:
        raise TrailtallyError(f"{error}. Do not submit it again: {goes_on(place, number)}") from error


def _ended(place: Place, number: str, what: str, say: Say) -> Run:
    started = answered = time.monotonic()
    told, told_at = "", 0.0
    while True:
        try:
            run, answered = place.get(number), time.monotonic()
        except TrailtallyError as error:
            # A network that is away for a while is no reason to give up.
            if not is_no_answer(error) or time.monotonic() - answered >= _LOST_SECONDS:
                raise
            state = "AWS does not answer"
        else:
            state = run.state.lower()
            if run.has_ended:
                say(f"{what}: {state}, {duration(time.monotonic() - started)}")
                return run
        now = time.monotonic()
        if state != told or now - told_at >= _TELL_SECONDS:
            say(f"{what}: {state}, {duration(now - started)}")
            told, told_at = state, now
        time.sleep(_POLL_SECONDS)


def logs_after(s3: Any, run: Run, *, say: Say) -> Logs:
    """The end of the driver's logs of a run that ended, or what there is of it where it is told to stop.

    Of a run that failed, waits for EMR to put them in S3, until that takes too long.
    """
    started, told, logs = time.monotonic(), False, Logs([])
    try:
        while True:
            logs = driver_logs(s3, run)
            if run.succeeded or logs.is_whole(run) or time.monotonic() - started >= _LOG_SECONDS:
                return logs
            if not told:
                say(f"waiting for EMR to put the log in S3, {duration(_LOG_SECONDS)} at most: {expected_at(run)}")
                told = True
            time.sleep(_POLL_SECONDS)
    except (KeyboardInterrupt, Terminated):  # what became of the run is known, and is told
        return logs


def told_logs(place: Place, run: Run, logs: Logs) -> list[str]:
    """The ends of the logs as lines for a person, or where to look for them."""
    if run.logs is None:
        return [f"log:      none in S3: {place.logs_elsewhere(run.number)}"]
    if logs.trouble:
        return [f"log:      {logs.trouble}"]
    if not logs.ends:
        if ended_before(run, 2 * _LOG_SECONDS):
            may = "may the role of the run, or the cluster's instance profile, write there (s3:PutObject)?"
            return [f"log:      there is none at {expected_at(run)}: {may}"]
        return [f"log:      not there yet; it will be {expected_at(run)}"]
    lines = []
    for log in logs.ends:
        so_far = "" if log.is_whole(run) else f", as EMR wrote it at {log.written:%H:%M:%S} UTC"
        lines += [f"log:      {log.url}{so_far}", *(f"  | {printable(line)}" for line in log.lines)]
    return lines


def check_success(place: Place, run: Run, logs: Logs) -> None:
    """Raises RunFailed, with the reason and the next step, unless the run succeeded."""
    if run.succeeded:
        return
    message = f"{place.word} {run.number} {run.state.lower()} after {lasted(run)}: {run.reason or 'EMR gives no reason'}"
    if logs.is_incomplete:
        message += (
            ". The job published its tables, but could not read all (its status 3): see the log above. With --accept-incomplete "
            "such a run ends well"
        )
    raise RunFailed(message)
