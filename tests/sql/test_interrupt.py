"""Work that is interrupted ends at once, also where it waits for something else than DuckDB."""

import signal
import subprocess
import sys
import time

import pytest

# Prints `begun` when the work has begun; the interrupt comes then.
_WORK = """
import duckdb, sys, time
from trailtally.cli.exit_status import exit_status
from trailtally.sql.interrupt import run_interruptibly
connection = duckdb.connect()
def work():
    print("begun", flush=True)
    {work}
sys.exit(exit_status(lambda: run_interruptibly(connection, work), debug=False))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "work", ["time.sleep(60)", "connection.execute('SELECT count(*) FROM range(1000000000000) a, range(1000000) b').fetchall()"]
)
def test_an_interrupt_ends_what_waits_for_a_store_and_what_waits_for_duckdb(work: str, number: int) -> None:
    command = [sys.executable, "-c", _WORK.format(work=work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.2)
        process.send_signal(number)
        started = time.monotonic()
        _, err = process.communicate()
    assert process.returncode == 128 + number
    assert err.count("\n") == 1
    assert time.monotonic() - started < 20
