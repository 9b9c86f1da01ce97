"""How an error's words reach the user."""

import pytest

from trailtally.errors import (
    LockLost,
    OutputLocked,
    RunStopped,
    SumsDoNotClose,
    TaskFailed,
    Terminated,
    TrailtallyError,
    UsageError,
)


def test_wrong_use_ends_with_2_a_locked_output_with_4_and_failures_with_1() -> None:
    errors = (UsageError, OutputLocked, RunStopped, SumsDoNotClose, LockLost, TrailtallyError)
    assert [error.status for error in errors] == [2, 4, 1, 1, 1, 1]


def test_nothing_that_stops_errors_stops_what_ends_the_process() -> None:
    assert not issubclass(Terminated, Exception)


def test_an_error_of_ours_is_told_in_its_own_words() -> None:
    assert TrailtallyError.of(TaskFailed("disk full")) == "disk full"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("first line\nsecond line"), "ValueError: first line (--debug shows the stack trace)"),
        (ValueError("\n\n  first line"), "ValueError: first line (--debug shows the stack trace)"),
        (ValueError("x" * 301), f"ValueError: {'x' * 300} (--debug shows the stack trace)"),
        # What py4j makes of an exception of Java's.
        (
            OSError("An error occurred while calling o1.collect.\n: java.lang.OutOfMemoryError: Java heap space\n\tat x"),
            "OSError: java.lang.OutOfMemoryError: Java heap space (--debug shows the stack trace)",
        ),
        (MemoryError(), "MemoryError:  (--debug shows the stack trace)"),
    ],
)
def test_any_other_error_is_told_by_its_class_and_first_line(error: Exception, told: str) -> None:
    assert TrailtallyError.of(error) == told
