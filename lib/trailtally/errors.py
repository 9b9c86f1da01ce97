"""What can go wrong, one class per situation. Each message says what was given, what was expected, what to do next.

The library raises these; the command line prints the message as one line and ends with `status`.
"""

# How py4j begins; what Java said comes on the next line.
_NO_NEWS = "An error occurred while calling "


class TrailtallyError(Exception):
    """A run that failed; the message is for its user."""

    status = 1

    @staticmethod
    def of(error: Exception) -> str:
        """Return the message for a user of any exception: our own words, else its first line."""
        text = str(error)
        if isinstance(error, TrailtallyError):
            return text
        lines = [line for line in text.strip().splitlines() if not line.startswith(_NO_NEWS)]
        first = lines[0].lstrip(": ") if lines else ""
        return f"{type(error).__name__}: {first[:300]} (--debug shows the stack trace)"


class UsageError(TrailtallyError):
    """The arguments cannot be right: nothing was read and nothing was written."""

    status = 2


class RunStopped(TrailtallyError):
    """Reading or writing stopped; the message says what was published and what was not."""


class SumsDoNotClose(TrailtallyError):
    """The written tables contradict each other or the file status rows; the ledger was not written."""


class OutputLocked(TrailtallyError):
    """Another run holds the output: nothing was read or written."""

    status = 4


class LockLost(TrailtallyError):
    """Another run took the lock over while this one did not show that it lives: this one publishes nothing more."""


class Terminated(BaseException):
    """The process was told to end (SIGTERM). Like KeyboardInterrupt, no `except Exception` stops it."""


class BadObject(Exception):
    """The bytes of a log file are bad: the object is `rejected` with this reason, until its e_tag changes."""


class BadRecord(Exception):
    """One record is bad: it is counted in the ledger's `rejected_records`, the file's other records count."""


class Unreadable(Exception):
    """An object could not be fetched: it is `unreadable` with this reason."""


class TaskFailed(TrailtallyError):
    """A task of a stage failed; the message is for the user."""
