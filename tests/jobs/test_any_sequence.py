"""Any sequence of deliveries, changes, losses and runs, some of them killed, ends in the tables that tests/model.py says.

A failing example is printed as the steps that led to it, each a call that can be typed again. TRAILTALLY_EXAMPLES sets how
many sequences are tried.
"""

import gzip
import io
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from pyspark.sql import SparkSession

import faults
from builders import ACCOUNT, OTHER_ACCOUNT, event, key, log, run_instances
from conftest import read_table
from model import READ, Model, Version
from s3 import servers
from s3.proxied import Proxied
from trailtally import daily
from trailtally.progress import Progress
from worlds import Buckets, Folders

# A run that lasts for more than half a minute gives a sign of life: where it is dead by then, its thread dies of that.
pytestmark = pytest.mark.filterwarnings("ignore:Exception in thread heartbeat:pytest.PytestUnhandledThreadExceptionWarning")

EXAMPLES = int(os.environ.get("TRAILTALLY_EXAMPLES", "0"))
LONG = pytest.mark.timeout(3600 * (1 + EXAMPLES // 100))

DAYS = ("2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11")

# Twelve events on three days, most of them of the account and region of their path. Every fourth is a launch.
EVENTS = {
    f"e{n}": (run_instances if n % 4 == 0 else event)(
        f"e{n}",
        eventTime=f"{DAYS[n % 3]}T{n:02}:00:00Z",
        recipientAccountId=OTHER_ACCOUNT if n % 5 == 0 else ACCOUNT,
        awsRegion="eu-west-1" if n % 6 == 0 else "us-east-1",
    )
    for n in range(12)
}
KEYS = [key(name, day=day) for day in DAYS for name in "abc"]

keys = st.sampled_from(KEYS)
contents = st.lists(st.sampled_from(sorted(EVENTS)), max_size=5).map(tuple)
# After how many changes a run is killed, and before, amid or after that one. A run with something to do makes thirty or more.
kills = st.tuples(st.one_of(st.integers(0, 25), st.integers(0, 60)), st.sampled_from([faults.BEFORE, faults.AMID, faults.AFTER]))


class Sequence(RuleBasedStateMachine):
    """A tree, an output, and what should be in it."""

    spark: ClassVar[SparkSession]
    new_world: ClassVar[Callable[[], Folders | Buckets]]
    runs: ClassVar[Counter[str]] = Counter()

    @initialize()
    def start(self) -> None:
        self.world = type(self).new_world()
        self.model = Model(EVENTS, blocked_shows=self.world.blocked_shows)
        self.versions = 0
        self.replaced: dict[str, Version] = {}

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.remove()

    # --- what happens to the tree ---------------------------------------------------------------------------------------

    def put(self, file: str, records: tuple[str, ...] | None) -> None:
        if file in self.model.blocked:
            self.let_in(file)
        self.versions += 1
        version = Version(self.versions, records)
        content = log(*(EVENTS[name] for name in records or ()))
        packed = gzip.compress(content, mtime=0)
        before = self.model.disk.get(file)
        if before:
            self.replaced[file] = before
        self.world.put(
            file, packed if records is not None else packed[: len(packed) // 2], version.number, before.number if before else None
        )
        self.model.disk[file] = version

    @rule(files=st.dictionaries(keys, contents, min_size=1, max_size=4))
    def deliver(self, files: dict[str, tuple[str, ...]]) -> None:
        """Files arrive, in time or late; where one was there already, it changes, or is repaired."""
        for file, records in files.items():
            self.put(file, records)

    @rule(file=keys, other=keys)
    def deliver_again(self, file: str, other: str) -> None:
        """What a file holds arrives a second time, under another name."""
        if file in self.model.disk and self.model.disk[file].records is not None:
            self.put(other, self.model.disk[file].records)

    @rule(file=keys)
    def corrupt(self, file: str) -> None:
        """A file arrives cut short, or becomes so."""
        self.put(file, None)

    @rule(file=keys)
    def put_back(self, file: str) -> None:
        """A file that changed is again the one that it was before: the very same, with its old e_tag."""
        if file in self.replaced and file not in self.model.blocked:
            version = self.model.disk[file] = self.replaced.pop(file)
            self.world.put_back(file, version.number)

    @rule(file=keys)
    def block(self, file: str) -> None:
        """A file is there and cannot be read."""
        if file in self.model.disk and file not in self.model.blocked:
            self.world.block(file)
            self.model.blocked.add(file)

    @rule(file=keys)
    def let_in(self, file: str) -> None:
        """It can be read again."""
        if file in self.model.blocked:
            self.world.let_in(file)
            self.model.blocked.remove(file)

    @rule(file=keys)
    def expire(self, file: str) -> None:
        """A file is deleted."""
        if file in self.model.disk:
            self.world.expire(file)
            del self.model.disk[file]
            self.model.blocked.discard(file)

    # --- runs -----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.disk)
    @rule(kill=kills)
    def run_by_day(self, kill: tuple[int, str]) -> None:
        """A run with a batch for each delivery day, after one that was killed."""
        if any(self.model.plan("", rebuild=False, by_day=True)):
            self.run_killed(kill, by_day=True)
        self.run_and_check(by_day=True)

    @precondition(lambda self: self.model.disk)
    @rule()
    def run(self) -> None:
        """A run completes; another after it changes nothing."""
        self.run_and_check()
        before = self.world.objects()
        self.run_job()
        assert self.world.objects() == before, "a run that had nothing new changed the output"
        self.runs["again"] += 1

    @precondition(lambda self: self.model.disk)
    @rule(since=st.sampled_from(DAYS))
    def run_delivered_since(self, since: str) -> None:
        """A run that looks at the newer delivery days only."""
        if any(self.delivered_day(file) >= since for file in self.model.disk):
            self.run_and_check(since=since)

    @precondition(lambda self: self.model.disk)
    @rule()
    def rebuild(self) -> None:
        """A run that computes everything again."""
        self.run_and_check(rebuild=True)

    @precondition(lambda self: any(self.model.plan("", rebuild=False, by_day=False)))
    @rule(kill=kills, by_day=st.booleans())
    def run_killed(self, kill: tuple[int, str], by_day: bool) -> None:
        """A run is killed at a change: before it, amid it, or after it. What it committed holds."""
        at, how = kill
        with faults.dying(at, how) as changes:
            try:
                self.run_job(by_day=by_day)
            except (Exception, faults.Killed):
                if not any(change.died for change in changes()):
                    raise
            made = changes()
        committed = sum(is_commit(change) and change.died in {None, faults.AFTER} for change in made)
        self.apply(by_day=by_day, batches=None if len(made) <= at else committed)
        self.runs["killed" if len(made) > at else "ended before it was killed"] += 1
        faults.bury(self.world.output)

    def run_and_check(self, *, by_day: bool = False, since: str = "", rebuild: bool = False) -> None:
        self.run_job(by_day=by_day, since=since, rebuild=rebuild)
        self.apply(by_day=by_day, since=since, rebuild=rebuild)
        self.runs["completed"] += 1
        self.check()

    def run_job(self, *, by_day: bool = False, since: str = "", rebuild: bool = False) -> None:
        request = daily.Request(
            [self.world.tree],
            self.world.output,
            batch_bytes=1 if by_day else daily.BATCH_BYTES,
            delivered_since=since or None,
            rebuild=rebuild,
            accept_gone_history=True,
        )
        daily.run(self.spark, request, Progress(io.StringIO()))

    def apply(self, *, by_day: bool, since: str = "", rebuild: bool = False, batches: int | None = None) -> None:
        """Does in the model what a run did, or so many batches of it."""
        plan = self.model.plan(since, rebuild=rebuild, by_day=by_day)
        to_do = [file for batch in plan for file in batch]
        for batch in plan[:batches]:
            self.model.run_batch(batch, to_do, rebuild=rebuild)

    def delivered_day(self, file: str) -> str:
        return "-".join(file.split("/")[-4:-1])

    # --- what must be so ------------------------------------------------------------------------------------------------

    def rows(self, name: str, *columns: str) -> list[tuple[Any, ...]]:
        rows = [tuple(row.values()) for row in read_table(self.world.output, name).select(columns).to_pylist()]
        return [tuple(self.below(value) for value in row) for row in rows]

    def below(self, value: object) -> object:
        return value.removeprefix(f"{self.world.tree}/") if isinstance(value, str) else value

    def check(self) -> None:
        """The tables are what the model says."""
        place = ("dt", "account_id", "region")
        counts = Counter[tuple[Any, ...]]()
        for *row, number in self.rows("event_counts", *place, "event_name", "event_count"):
            counts[tuple(row)] += number
        assert counts == self.model.event_counts()
        assert sorted(self.rows("launches", "dt", "event_id")) == self.model.launches()
        calls = sum(row[0] for row in self.rows("run_instances", "launch_calls"))
        assert calls == len(self.model.launches())
        sources = ("dt", "file_key", "account_id", "region", "records", "late_uncounted")
        assert sorted(self.rows("sources", *sources)) == self.model.sources()
        covered = self.rows("coverage", *place, "files", "records", "events", "late_uncounted", "duplicates")
        assert {row[:3]: row[3:7] for row in covered} == self.model.coverage()
        assert all(records == events + duplicates for *_, records, events, _, duplicates in covered)
        known = {file: (status, tuple(days or ())) for file, status, days in self.rows("ledger", "file_key", "status", "days")}
        assert known == {file: (row.status, row.days) for file, row in self.model.ledger.items()}
        assert self.world.left() == []


def is_commit(change: faults.Change) -> bool:
    """Whether this is the write that makes a batch hold."""
    return bool(re.search(r"/_trailtally/commit\.json$", change.path)) and change.what == "write"


@pytest.mark.parametrize("examples", [2, pytest.param(EXAMPLES or 6, marks=[pytest.mark.slow, LONG])])
def test_any_sequence_ends_in_the_tables_that_the_model_says(spark: SparkSession, examples: int) -> None:
    Sequence.spark, Sequence.new_world = spark, Folders
    check_sequences(examples)


@pytest.mark.slow
@LONG
def test_any_sequence_in_s3_ends_in_the_same_tables(spark: SparkSession, versitygw_proxied: Proxied, proxy: Proxied) -> None:
    def new_world() -> Buckets:
        return Buckets(proxy, *(servers.fresh_bucket(versitygw_proxied) for _ in range(2)))

    Sequence.spark, Sequence.new_world = spark, new_world
    check_sequences(EXAMPLES or 4)


def check_sequences(examples: int) -> None:
    """Tries so many sequences. Of four, some run is killed, and some is followed by another at once."""
    Sequence.runs.clear()
    run_state_machine_as_test(
        Sequence,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=not EXAMPLES,
            phases=[Phase.generate],
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"runs: {dict(Sequence.runs)}")
    if examples >= 4:
        assert min(Sequence.runs[name] for name in ("completed", "again", "killed")) > 0


def test_the_model_knows_a_read_file() -> None:
    model = Model(EVENTS, {KEYS[0]: Version(1, ("e0",))})
    model.run_batch([KEYS[0]], [KEYS[0]], rebuild=False)
    assert model.ledger[KEYS[0]].status == READ
    assert model.launches() == [("2026-03-08", "e0")]


@pytest.fixture(autouse=True)
def _no_leftovers() -> None:
    """Each test starts without a plan to die."""
    plan = Path(os.environ["TRAILTALLY_FAULTS"]) / "plan"
    assert not plan.exists()
