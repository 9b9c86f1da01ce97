"""Files made to take all memory or time are read, or refused, within bounds: in a process of their own, which is measured."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from builders import event, key, log, write
from conftest import read_table

# Runs the arguments, and prints the most memory that it held in MB, and its CPU seconds.
MEASURED = """
import re, resource, sys
from trailtally import cli
status = cli.main(["run", *sys.argv[1:]])
used = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss: that begins with what the process that started this one held.
megabytes = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024
print("MEASURED", megabytes, used.ru_utime + used.ru_stime)
sys.exit(status)
"""

MIB = 1 << 20


def measured(tree: Path, output: Path) -> tuple[int, str, int, float]:
    """Return the status, what was printed, the megabytes and the CPU seconds of a run."""
    command = [sys.executable, "-c", MEASURED, "--quiet", "--input", str(tree), "--output", str(output)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    found = re.search(r"MEASURED (\d+) ([\d.]+)", run.stdout)
    assert found, run
    return run.returncode, run.stdout, int(found[1]), float(found[2])


def packed(*pieces: bytes) -> bytes:
    return gzip.compress(b"".join(pieces), 1, mtime=0)


POISON = {
    "empty records": (packed(b'{"Records":[', b"{}," * (4 * MIB - 1), b"{}]}"), "of 4,?194,?304 records rejected"),
    "empty lists": (packed(b'{"Records":[', b"[]," * (2 * MIB), b"{}]}"), "records rejected|whole record"),
    "one long text": (packed(b'{"Records":[{"eventTime":"', b"9" * (64 * MIB), b'"}]}'), "no time|whole record"),
    "one long list": (packed(b'{"Records":[{"x":[', b"0," * (16 * MIB), b"0]}]}"), "eventTime|whole record"),
    "deep nesting": (packed(b'{"Records":[', b"[" * (8 * MIB)), "nested too deeply|whole"),
}


@pytest.mark.parametrize("name", POISON)
def test_a_file_made_to_fill_memory_costs_itself_alone(tmp_path: Path, name: str) -> None:
    content, reason = POISON[name]
    tree = write(tmp_path / "tree", {key("a"): log(event("e1")), key("poison"): content})
    status, said, megabytes, seconds = measured(tree, tmp_path / "tables")
    assert status == 3
    assert re.search(reason, said), said[-600:]
    assert read_table(tmp_path / "tables", "event_counts")["event_count"].to_pylist() == [1]
    assert (megabytes < 900, seconds < 25) == (True, True), (megabytes, seconds)


def test_a_file_of_many_different_records_is_read_in_bounded_memory(tmp_path: Path) -> None:
    records = [
        json.dumps(
            {"eventTime": "2026-03-09T12:00:00Z", "eventID": f"{n:08x}-0000-4000-8000-000000000000", "userAgent": f"agent {n}"}
        )
        for n in range(200_000)
    ]
    content = packed(b'{"Records":[', ",".join(records).encode(), b"]}")
    status, _, megabytes, seconds = measured(write(tmp_path / "tree", {key("many"): content}), tmp_path / "tables")
    assert status == 0
    assert read_table(tmp_path / "tables", "event_counts")["event_count"].to_pylist() == [200_000]
    assert (megabytes < 900, seconds < 25) == (True, True), (megabytes, seconds)
