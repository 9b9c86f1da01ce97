"""The exceptions, one class per situation. Each message says what was given, what was expected, what to do next.

The library raises these; the command line prints the message as one line and ends with `status`.
"""

# The first line of py4j's errors; Java's own message is on the next.
_PY4J_PREFIX = "An error occurred while calling "


class TrailtallyError(Exception):
    """A failure whose message is for the user."""

    status = 1

    @staticmethod
    def of(error: Exception) -> str:
        """Return a message for the user: that of a TrailtallyError, else the type and the first line of any exception."""
        text = str(error)
        if isinstance(error, TrailtallyError):
            return text
        lines = [line for line in text.strip().splitlines() if not line.startswith(_PY4J_PREFIX)]
        first = lines[0].lstrip(": ") if lines else ""
        return f"{type(error).__name__}: {first[:300]} (--debug shows the stack trace)"


class UsageError(TrailtallyError):
    """The arguments are not valid: nothing was read and nothing was written."""

    status = 2


class RunStopped(TrailtallyError):
    """Reading or writing stopped; the message says what was published and what was not."""


class SumsDoNotClose(TrailtallyError):
    """The written tables contradict each other or the file status rows; the ledger was not written."""


class OutputLocked(TrailtallyError):
    """Another run holds the output: nothing was read or written."""

    status = 4


class LockLost(TrailtallyError):
    """Another run took over the lock, which this run did not renew in time: this run publishes nothing more."""


class Terminated(BaseException):
    """The process received SIGTERM. Like KeyboardInterrupt, it passes every `except Exception`."""


class BadObject(Exception):
    """A log file is damaged or holds no records: the object is `rejected` with this reason until its e_tag changes."""


class BadRecord(Exception):
    """One record is not valid: it is counted in the ledger's `rejected_records`; the other records of the file count."""


class Unreadable(Exception):
    """An object could not be fetched: it is `unreadable` with this reason."""


class TaskFailed(TrailtallyError):
    """A task of a stage failed; the message is for the user."""


def missing_extra(error: ImportError, extra: str) -> UsageError:
    """Return the error of a command whose packages, an extra of this one, are not installed."""
    package = (error.name or "a package").partition(".")[0]
    return UsageError(f"this needs {package}, which is not installed here. In the folder of trailtally: pip install '.[{extra}]'")
