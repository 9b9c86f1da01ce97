"""Log files, folders and outputs that somebody made to stop a run: each costs itself alone, in bounded time and memory."""

import datetime as dt
import gzip
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import Record, event, key, log, run_instances, write
from conftest import Job, Run, read_table, run_job
from trailtally.cloudtrail import content as contents
from trailtally.cloudtrail import inflate
from trailtally.engine import spill
from trailtally.engine.local import LocalEngine
from trailtally.errors import BadObject, RunStopped
from trailtally.stages import merging

DAY = "2026-03-09"


def test_a_path_of_the_last_day_that_there_is_is_read(run: Run, tmp_path: Path) -> None:
    tree = write(tmp_path / "tree", {key("a", day="9999-12-31"): log(event("1")), key("b"): log(event("2"))})
    assert run(tree).rows("coverage", "dt", "events") == [(DAY, 2)]


def test_what_a_reason_quotes_of_a_file_is_short(run: Run, tmp_path: Path) -> None:
    long = "x" * 100_000
    files = {
        key("id"): log(event(long, "soon")),
        key("name"): json.dumps({long: 1}).encode(),
        key("time"): log(event("1", long)),
    }
    ledger = run(write(tmp_path / "tree", files)).ledger()
    assert {name: len(row["reason"]) < 250 for name, row in ledger.items()} == dict.fromkeys(files, True)


def test_records_that_are_nested_too_deeply_stop_no_run(run: Run, tmp_path: Path) -> None:
    # Some of these are nested as deep as can be parsed, and too deep to be written again.
    tree = write(tmp_path / "tree", {key("good"): log(event("good"))})
    for depth in (300, *range(880, 1000), 100_000):
        nested = "[" * depth + "]" * depth
        items = f'{{"instancesSet": {{"items": [{{"instanceId": {nested}}}]}}}}'
        write(
            tree,
            {
                key(f"who-{depth}"): with_raw("userIdentity", f'{{"type": {nested}}}', event("2")),
                key(f"launch-{depth}"): with_raw("responseElements", items, run_instances("3")),
                key(f"name-{depth}"): with_raw("eventName", nested, event("4")),
            },
        )
    tables = run(tree)
    assert tables.ledger()[key("good")]["status"] == "read"
    assert tables.summary.files["read"] + tables.summary.files["rejected"] == 1 + 3 * 122


def with_raw(field: str, value: str, record: Record) -> bytes:
    return log(record | {field: "@@"}).replace(b'"@@"', value.encode())


def test_content_that_is_not_as_cloudtrail_writes_it_is_only_read_where_it_is_small(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it cannot be cut, it was decoded whole: 100 MB of {} took 7 GB.
    monkeypatch.setattr(contents, "_CHUNK", 1_000)
    monkeypatch.setattr(contents, "_SMALL", 1_000)
    monkeypatch.setattr(contents, "_MOST_WHOLE_TINY", 4_000)
    many: list[Record] = [{}] * 2_000
    files = {
        key("first"): json.dumps({"x": 1, "Records": many}).encode(),
        key("small"): json.dumps({"x": 1, "Records": [event("1")]}).encode(),
        key("mark"): b"\xef\xbb\xbf" + log(*many, event("2")),
    }
    ledger = run(write(tmp_path / "tree", files)).ledger()
    assert ledger[key("first")]["status"] == "rejected"
    assert ledger[key("first")]["reason"] == (
        'not a CloudTrail log: 8,021 bytes that are not one {"Records": [...]} from their first to their last, as CloudTrail '
        "writes it. Other forms are read up to 4,000 bytes"
    )
    assert ledger[key("small")]["status"] == "read"
    assert (ledger[key("mark")]["records"], ledger[key("mark")]["rejected_records"]) == (2_001, 2_000)


@pytest.mark.parametrize("place", [0, 1, 3, 4, 5, 19, 20])
def test_bytes_that_are_no_text_are_found_wherever_they_are(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_SMALL", 8)
    text = ("é" * 20).encode()
    bad = text[: 2 * place] + b"\xff" + text[2 * place :]
    with pytest.raises(BadObject) as raised:
        list(contents.decode(bad))
    assert str(raised.value) == f"not UTF-8 text: invalid start byte at byte {2 * place}"
    with pytest.raises(BadObject, match="unexpected end of data at byte 40"):
        list(contents.decode(text + b"\xc3"))


def test_a_hundred_thousand_gzip_members_are_inflated_in_a_moment() -> None:
    empty, content = gzip.compress(b"", 1), b"x" * 5_000_000
    started = time.process_time()
    found = inflate.inflate(gzip.compress(b"a") + empty * 100_000 + gzip.compress(content), 1 << 30)
    assert (found.content, found.members) == (b"a" + content, 100_002)
    assert time.process_time() - started < 5


def test_records_of_one_event_stay_in_one_slice_and_others_are_cut(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = []
    cut = merging._halves

    def count(*arguments: object) -> object:
        halves.append(arguments)
        return cut(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(merging, "_halves", count)
    monkeypatch.setattr("trailtally.run.batch.SLICE_ROWS", 10)
    tree = write(
        tmp_path / "tree", {key("same"): log(*[event("1")] * 50), key("more"): log(*(event(f"e{n}") for n in range(30)))}
    )
    tables = run(tree)
    assert tables.rows("coverage", "dt", "records", "events", "duplicates") == [(DAY, 80, 31, 49)]
    assert 0 < len(halves) < 30  # it was 60 for the one event alone, each with its copy of the rows
    write(tree, {key("again"): log(*[event("1")] * 50)})
    assert run(tree).rows("coverage", "dt", "records", "events", "duplicates") == [(DAY, 130, 31, 99)]


def test_a_folder_with_the_number_of_no_process_is_removed_like_a_killed_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / f"trailtally-{os.getuid()}-{10**30}-x"
    left.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spill.remove_left_folders()
    assert not left.exists()


# --- Outputs that somebody crafted ---

EVENTS = f"events/dt={DAY}/events.parquet"
NOT_OF_DAY = f"{EVENTS}: this table cannot be read: rows that cannot be of this day. Did something else write it?"

CRAFTED: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "another table": (
        lambda rows: rows.select(["event_time"]).append_column("a", rows["region"]),
        f"{EVENTS}: this table cannot be read: columns are missing. Did something else write it?",
    ),
    "no time": (lambda rows: with_column(rows, "event_time", None), NOT_OF_DAY),
    "another day": (lambda rows: with_column(rows, "event_time", dt.datetime(1999, 1, 1, tzinfo=dt.UTC)), NOT_OF_DAY),
    "no account": (lambda rows: with_column(rows, "account_id", None), NOT_OF_DAY),
    "no file": (lambda rows: with_column(rows, "file_key", None), NOT_OF_DAY),
}


def with_column(rows: pa.Table, name: str, value: object) -> pa.Table:
    place = rows.column_names.index(name)
    return rows.set_column(place, name, pa.array([value] * len(rows), rows.schema.field(name).type))


@pytest.mark.parametrize("name", CRAFTED)
def test_events_that_no_run_wrote_are_refused_by_their_name(name: str, job: Job, tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables"
    job("--input", tree, "--output", output)
    craft, reason = CRAFTED[name]
    pq.write_table(craft(pq.ParquetFile(output / EVENTS).read()), output / EVENTS)
    write(tree, {key("b"): log(event("e2"))})
    status, said = job("--input", tree, "--output", output)
    assert (status, f"{output}/{reason}. Nothing was published." in said) == (1, True), said


def test_a_ledger_that_names_a_file_outside_the_input_has_no_run_read_it(job: Job, tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables"
    outside = write(tmp_path / "outside", {key("secret"): log(event("secret"))}) / key("secret")
    job("--input", tree, "--output", output)
    [path] = (output / "ledger").rglob("*.parquet")
    ledger = pq.ParquetFile(path).read()
    [row] = ledger.to_pylist()
    crafted = row | {"file_key": str(outside), "status": "unreadable"}
    pq.write_table(pa.Table.from_pylist([row, crafted], ledger.schema), path)
    write(tree, {key("b"): log(event("e2"))})
    assert job("--input", tree, "--output", output) == (0, "")
    assert sorted(read_table(output, "events")["event_id"].to_pylist()) == ["e1", "e2"]


def test_slices_that_hold_the_same_rows_are_refused(job: Job, tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables"
    job("--input", tree, "--output", output)
    shutil.copy(output / EVENTS, output / EVENTS.replace(".parquet", "-01.parquet"))
    write(tree, {key("b"): log(event("e2"))})
    status, said = job("--input", tree, "--output", output)
    assert status == 1
    assert said.startswith(
        f"trailtally: {output}: {EVENTS} and {EVENTS.replace('.parquet', '-01.parquet')} hold the same rows. Remove the one that "
        "no run of trailtally wrote"
    )


@pytest.mark.parametrize("kind", ["pipe", "file"])
@pytest.mark.parametrize("name", ["staged", "plans"])
def test_what_lies_in_the_place_of_the_stage_area_is_removed(kind: str, name: str, job: Job, tree: Path, tmp_path: Path) -> None:
    place = write(tmp_path / "tables", {"_trailtally/a": b""}) / "_trailtally" / name
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.touch()
    assert job("--input", tree, "--output", tmp_path / "tables") == (0, "")


def test_a_commit_that_is_nested_deeply_is_called_damaged(job: Job, tree: Path, tmp_path: Path) -> None:
    output = write(tmp_path / "tables", {"_trailtally/commit.json": b"[" * 100_000})
    status, said = job("--input", tree, "--output", output)
    assert (status, "commit.json: it is damaged" in said) == (1, True)


# --- Workers that cannot work ---


@pytest.fixture
def fresh_engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(2, small=0)
    with engine:
        yield engine


def test_workers_that_die_whatever_they_do_end_the_run(
    fresh_engine: LocalEngine, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = write(
        tmp_path / "site", {"sitecustomize.py": b"import os, sys\nif 'spawn_main' in str(sys.orig_argv):\n    os._exit(9)"}
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr("trailtally.engine.local._MOST_DEATHS", 5)
    with pytest.raises(RunStopped) as raised:
        run_job(tree, output=tmp_path / "tables", engine=fresh_engine)
    assert str(raised.value).startswith(
        "a worker process ended with status 9, and so did 5 others before it, whatever they did. Nothing of this batch was "
        "published."
    )


def test_a_file_for_which_there_is_no_memory_is_unreadable(
    fresh_engine: LocalEngine, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = b"""
from trailtally.storage.local import LocalStore
read = LocalStore.read
def refuse(store, key, *rest, **named):
    if "/large" in key:
        raise MemoryError
    return read(store, key, *rest, **named)
LocalStore.read = refuse
"""
    monkeypatch.setenv("PYTHONPATH", str(write(tmp_path / "site", {"sitecustomize.py": site})))
    write(tree, {key("large"): log(event("e2"))})
    tables = run_job(tree, output=tmp_path / "tables", engine=fresh_engine)
    assert tables.ledger()[key("large")]["reason"] == (
        "a worker process got no more memory while it read this file: as a rule for want of memory"
    )
    assert tables.rows("coverage", "dt", "events") == [(DAY, 1)]
