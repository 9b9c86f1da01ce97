"""Of any number of runs one holds the output at a time; a dead one's lock is taken over, and a living one's is not."""

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trailtally.errors import LockLost, OutputLocked, RunStopped, TrailtallyError
from trailtally.run import lock
from trailtally.storage.local import LocalStore

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells boots and pid namespaces apart")

# The run that holds the output in most tests, as messages name it.
BEE = "run bee-run on bee (pid 4711)"
STALE = "2026-03-09T11:49:59Z"

Swap = Callable[[str, bytes | None, bytes | None], bool]


# Every path of this machine.
ANY = LocalStore("/")


def replace(monkeypatch: pytest.MonkeyPatch, name: str, function: Callable[..., object]) -> None:
    """Put a function in the place of a method of all stores of this machine."""
    monkeypatch.setattr(LocalStore, name, lambda _, *rest: function(*rest))


class Clock:
    """Shows the time that a test sets; at first noon of 9 March 2026."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += dt.timedelta(seconds=seconds)


class Output:
    """An output with its lock, and what the runs said that wanted it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = path / "_trailtally" / "lock.json"
        self.said: list[str] = []

    def __str__(self) -> str:
        return str(self.path)

    def held(self, run_id: str = "my-run", *, wait: bool = False) -> contextlib.AbstractContextManager[lock.Lock]:
        """A run of this process that wants it."""
        return lock.locked(LocalStore(str(self)), run_id, wait=wait, say=self.said.append)

    def content(self) -> dict[str, Any]:
        """What the lock holds."""
        content: dict[str, Any] = json.loads(self.lock.read_bytes())
        return content

    def held_by_bee(self, **fields: Any) -> bytes:
        """Writes, in one step, the lock of a run of another machine; gives back its bytes."""
        content = {
            "token": "of bee",
            "run_id": "bee-run",
            "host": "bee",
            "pid": 4711,
            "machine": "bee's boot pid:[1]",
            "ticks": 123,
            "started": "2026-03-09T11:00:00Z",
            "heartbeat": "2026-03-09T11:59:50.25Z",
        }
        body = json.dumps(content | fields).encode()
        while not ANY.swap(str(self.lock), ANY.get(str(self.lock)), body):
            pass  # its heartbeat came between
        return body


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this machine, which is called `ant`."""
    clock = Clock()
    monkeypatch.setattr(lock, "now", clock)
    monkeypatch.setattr(lock, "socket", SimpleNamespace(gethostname=lambda: "ant"))
    return clock


@pytest.fixture
def output(tmp_path: Path) -> Output:
    """An output that nobody holds."""
    return Output(tmp_path / "tables")


@pytest.fixture
def quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat as often as the disk allows."""
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.001)


def until(condition: Callable[[], bool]) -> None:
    """Comes back when that is so."""
    for _ in range(10_000):
        if condition():
            return
        time.sleep(0.001)
    pytest.fail("it did not become so in ten seconds")


def heartbeats() -> int:
    return sum(thread.name.startswith("heartbeat of") for thread in threading.enumerate())


def refused(output: Output, *, wait: bool = False) -> str:
    """The message for a run that wants the output and must not get it."""
    with pytest.raises(OutputLocked) as raised, output.held(wait=wait):
        pytest.fail("two runs hold the output")
    return str(raised.value)


def test_while_the_output_is_held_the_lock_names_its_owner_and_then_it_is_gone(output: Output) -> None:
    with output.held() as mine:
        content = output.content()
    assert mine.path == str(output.lock)
    assert content == {
        "token": content["token"],
        "run_id": "my-run",
        "host": "ant",
        "pid": os.getpid(),
        "machine": lock._machine(),
        "ticks": lock._ticks(os.getpid()),
        "started": "2026-03-09T12:00:00Z",
        "heartbeat": "2026-03-09T12:00:00Z",
    }
    assert len(content["token"]) == 32
    assert (output.lock.exists(), output.said, heartbeats()) == (False, [], 0)


def test_each_lock_has_a_token_of_its_own(output: Output) -> None:
    tokens = set()
    for _ in range(3):
        with output.held():
            tokens.add(output.content()["token"])
    assert len(tokens) == 3


@on_linux
def test_a_machine_is_one_boot_and_one_pid_namespace() -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    inode = Path("/proc/self/ns/pid").stat().st_ino
    assert lock._machine() == f"{boot} pid:[{inode}]"


@on_linux
def test_the_start_of_a_process_is_found_whatever_its_program_is_called() -> None:
    name = Path("/proc/self/comm")
    before = name.read_text()
    plain = Path("/proc/self/stat").read_text().split()[21]  # field 22, as long as the name has no space
    name.write_text("a) b 1 2")
    try:
        assert lock._ticks(os.getpid()) == int(plain)
    finally:
        name.write_text(before)


def test_where_the_system_tells_neither_machine_nor_start_the_lock_has_none(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_BOOT", "/no/such/file")
    monkeypatch.setattr(lock, "_ticks", lambda _: None)
    with output.held():
        content = output.content()
    assert (content["machine"], content["ticks"]) == (None, None)


def test_an_output_that_another_run_holds_is_refused_and_the_message_says_who_and_what_to_do(output: Output) -> None:
    body = output.held_by_bee()
    assert refused(output) == (
        f"--output {output}: {BEE} holds it since 2026-03-09 11:00:00 UTC, last sign of life 2026-03-09 11:59:50 UTC. "
        f"Wait for it, or give --wait-for-lock; if that run is certainly dead, delete {output.lock}"
    )
    assert (output.lock.read_bytes(), output.said, heartbeats()) == (body, [], 0)


def test_a_second_run_of_the_same_process_is_refused_too_and_the_first_goes_on(output: Output) -> None:
    with output.held("first") as first:
        assert refused(output).startswith(f"--output {output}: run first on ant (pid {os.getpid()}) holds it since ")
        first.check()


def test_a_locked_output_ends_with_4_and_a_lost_lock_with_1() -> None:
    assert (OutputLocked.status, LockLost.status) == (4, 1)


@pytest.mark.parametrize("heartbeat", ["2026-03-09T11:50:00Z", "2026-03-09T12:50:00+01:00", "2036-01-01T00:00:00Z"])
def test_a_sign_of_life_of_ten_minutes_ago_or_by_a_clock_that_is_ahead_is_not_stale(output: Output, heartbeat: str) -> None:
    output.held_by_bee(heartbeat=heartbeat)
    assert BEE in refused(output)


def test_without_a_sign_of_life_for_more_than_ten_minutes_the_output_is_taken_over(output: Output) -> None:
    output.held_by_bee(heartbeat=STALE)
    with output.held() as mine:
        mine.check()
        assert output.content()["run_id"] == "my-run"
    assert output.said == [f"taking {output} over from {BEE}: no sign of life since 2026-03-09 11:49:59 UTC"]
    assert not output.lock.exists()


def process(script: str, *outputs: Output) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, outputs)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout
    text = process.stdout.readline()
    assert text, "the process ended"
    return text.rstrip("\n")


KILLED = """
import sys
from trailtally.run.lock import locked
from trailtally.storage.local import LocalStore
with locked(LocalStore(sys.argv[1]), "killed-run", wait=False, say=print):
    print("held", flush=True)
    sys.stdin.read()
"""


@on_linux
def test_the_output_of_a_run_that_was_killed_on_this_machine_is_taken_over_at_once(output: Output, clock: Clock) -> None:
    with process(KILLED, output) as run:
        assert line(run) == "held"
        content = output.content()
        clock.time = dt.datetime.fromisoformat(content["heartbeat"])
        assert "run killed-run on " in refused(output)
        run.kill()
    with output.held():
        assert output.content()["run_id"] == "my-run"
    assert output.said == [
        f"taking {output} over from run killed-run on {content['host']} (pid {run.pid}): "
        f"its process is gone, last sign of life {clock.time:%Y-%m-%d %H:%M:%S} UTC"
    ]


def this_process(**fields: Any) -> dict[str, Any]:
    """What a lock says of the process of this test, but for the fields given."""
    return {"pid": os.getpid(), "machine": lock._machine(), "ticks": lock._ticks(os.getpid())} | fields


@on_linux
def test_a_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(output: Output) -> None:
    output.held_by_bee(**this_process(ticks=1))
    with output.held():
        pass
    assert output.said == [
        f"taking {output} over from run bee-run on bee (pid {os.getpid()}): "
        "its process is gone, last sign of life 2026-03-09 11:59:50 UTC"
    ]


@on_linux
@pytest.mark.parametrize("fields", [{}, {"ticks": None}])
def test_a_process_that_lives_or_may_live_holds_the_output(output: Output, fields: dict[str, Any]) -> None:
    output.held_by_bee(**this_process(**fields))
    assert "run bee-run on bee" in refused(output)


@on_linux
def test_a_process_that_is_hidden_from_this_user_holds_the_output(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: int) -> None:
        raise PermissionError

    output.held_by_bee(**this_process())
    monkeypatch.setattr(os, "kill", denied)
    monkeypatch.setattr(lock, "_ticks", lambda _: None)  # as where /proc is mounted with hidepid
    assert "run bee-run on bee" in refused(output)


@pytest.mark.parametrize("machine", ["bee's boot pid:[1]", None])
def test_a_process_of_another_machine_is_not_looked_for_on_this_one(
    output: Output, monkeypatch: pytest.MonkeyPatch, machine: str | None
) -> None:
    monkeypatch.setattr(lock, "_BOOT", "/no/such/file")  # this machine has no name, which does not make it bee
    output.held_by_bee(machine=machine, pid=(1 << 31) - 1)
    assert "run bee-run on bee" in refused(output)


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b'{"token": "\xff"}'])
def test_what_is_not_a_lock_is_refused_and_never_replaced(output: Output, body: bytes, wait: bool) -> None:
    ANY.swap(str(output.lock), None, body)
    assert refused(output, wait=wait) == (
        f"--output {output}: {output.lock} is not a lock of trailtally, so it is not known whether a run holds the output. "
        "Look at that file; if no run is in progress, delete it"
    )
    assert (output.lock.read_bytes(), output.said) == (body, [])


@pytest.mark.parametrize("fields", [{"pid": 0}, {"pid": 1 << 31}, {"heartbeat": "2026-03-09T12:00:00"}, {"started": "today"}])
def test_what_has_a_field_that_cannot_be_is_not_a_lock(output: Output, fields: dict[str, Any]) -> None:
    output.held_by_bee(**fields)
    assert "is not a lock of trailtally" in refused(output)


def test_a_lock_with_more_in_it_as_a_later_version_may_write_is_a_lock(output: Output) -> None:
    output.held_by_bee(version=2)
    assert BEE in refused(output)


def sleeping(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]) -> None:
    monkeypatch.setattr(lock, "time", SimpleNamespace(sleep=sleep))


def test_who_waits_says_so_once_and_holds_the_output_when_it_is_free(
    output: Output, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        clock.forward(seconds)
        if clock.time.second == 15:
            output.lock.unlink()

    output.held_by_bee()
    sleeping(monkeypatch, sleep)
    with output.held(wait=True):
        content = output.content()
    assert (content["run_id"], content["started"], content["heartbeat"]) == ("my-run", *["2026-03-09T12:00:15Z"] * 2)
    assert output.said == [f"waiting for {BEE}, which holds {output} since 2026-03-09 11:00:00 UTC"]


def test_who_waits_for_a_run_that_dies_takes_the_output_over(
    output: Output, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.held_by_bee(heartbeat="2026-03-09T12:00:00Z")
    sleeping(monkeypatch, clock.forward)
    with output.held(wait=True):
        assert clock.time.isoformat() == "2026-03-09T12:10:05+00:00"  # it looks every 5 s: the first time after 10 min
    assert output.said == [
        f"waiting for {BEE}, which holds {output} since 2026-03-09 11:00:00 UTC",
        f"taking {output} over from {BEE}: no sign of life since 2026-03-09 12:00:00 UTC",
    ]


def test_who_waits_says_so_again_where_a_third_run_was_quicker(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_: float) -> None:
        if output.content()["host"] == "bee":
            output.held_by_bee(token="of cow", run_id="cow-run", host="cow")  # noqa: S106 - a token of no secret
        else:
            output.lock.unlink()

    output.held_by_bee()
    sleeping(monkeypatch, sleep)
    with output.held(wait=True):
        pass
    assert output.said == [
        f"waiting for {BEE}, which holds {output} since 2026-03-09 11:00:00 UTC",
        f"waiting for run cow-run on cow (pid 4711), which holds {output} since 2026-03-09 11:00:00 UTC",
    ]


def test_who_is_interrupted_while_waiting_leaves_the_other_runs_lock(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    body = output.held_by_bee()
    sleeping(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt), output.held(wait=True):
        pytest.fail("two runs hold the output")
    assert output.lock.read_bytes() == body


RACER = """
import contextlib, sys
from trailtally.errors import OutputLocked
from trailtally.run.lock import locked
from trailtally.storage.local import LocalStore
print("ready", flush=True)
sys.stdin.readline()
with contextlib.ExitStack() as stack:
    for output in sys.argv[1:]:
        with contextlib.suppress(OutputLocked):
            stack.enter_context(locked(LocalStore(output), "racer", wait=False, say=print))
            print(output)
    print("done", flush=True)
    sys.stdin.readline()
"""


def test_of_eight_processes_that_want_a_free_output_one_gets_it_thirty_times(tmp_path: Path) -> None:
    outputs = [Output(tmp_path / f"{n:02}") for n in range(30)]
    with contextlib.ExitStack() as stack:
        racers = [stack.enter_context(process(RACER, *outputs)) for _ in range(8)]
        assert [line(racer) for racer in racers] == ["ready"] * 8
        for racer in racers:
            print("go", file=racer.stdin, flush=True)
        # No racer lets go of an output before the last one is done.
        won = [won for racer in racers for won in iter(lambda r=racer: line(r), "done")]  # type: ignore[misc]
    assert sorted(won) == [str(output) for output in outputs]
    assert [racer.returncode for racer in racers] == [0] * 8
    assert [output.lock.exists() for output in outputs] == [False] * 30


def test_of_eight_runs_that_find_a_dead_ones_lock_one_takes_over_and_the_others_see_it(tmp_path: Path) -> None:
    outputs = [Output(tmp_path / f"{n:02}") for n in range(30)]
    for output in outputs:
        output.held_by_bee(heartbeat=STALE)
    together, messages = threading.Barrier(8), []

    def contend(run_id: str) -> None:
        for output in outputs:
            together.wait(10)
            try:
                with output.held(run_id):
                    together.wait(10)  # the winner holds it until all have tried
            except OutputLocked as error:
                messages.append(str(error))
                together.wait(10)

    runs = [threading.Thread(target=contend, args=(f"run-{n}",)) for n in range(8)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    taken_over = [[f"taking {output} over from {BEE}: no sign of life since 2026-03-09 11:49:59 UTC"] for output in outputs]
    assert [output.said for output in outputs] == taken_over
    assert len(messages) == 7 * 30
    assert [message for message in messages if ": run run-" not in message] == []


def lying(answer: OSError | bool) -> Callable[[Swap], Swap]:
    """A store that does what it is asked for, and then answers that it did not."""

    def lie(swap: Swap) -> Swap:
        def swap_and_lie(path: str, old: bytes | None, new: bytes | None) -> bool:
            swap(path, old, new)
            if isinstance(answer, OSError):
                raise answer
            return answer

        return swap_and_lie

    return lie


def failing(_: Swap) -> Swap:
    """A store whose disk is full."""

    def fail(*_: object) -> bool:
        raise OSError(28, "what the store calls it")

    return fail


LIES = pytest.mark.parametrize("lie", [lying(OSError("timed out")), lying(False)], ids=["raises", "says no"])


@LIES
@pytest.mark.parametrize("dead", [False, True])
def test_a_lock_that_was_written_is_held_though_the_store_says_no(
    output: Output, monkeypatch: pytest.MonkeyPatch, lie: Callable[[Swap], Swap], dead: bool
) -> None:
    if dead:
        output.held_by_bee(heartbeat=STALE)
    replace(monkeypatch, "swap", lie(ANY.swap))
    with output.held() as mine:
        mine.check()
        assert output.content()["run_id"] == "my-run"
    assert not output.lock.exists()
    assert output.said == [f"taking {output} over from {BEE}: no sign of life since 2026-03-09 11:49:59 UTC"] * dead


def test_where_another_run_was_quicker_its_lock_is_seen(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ANY.swap

    def swap_after_bee(path: str, old: bytes | None, new: bytes | None) -> bool:
        replace(monkeypatch, "swap", real)
        output.held_by_bee()
        return ANY.swap(path, old, new)

    replace(monkeypatch, "swap", swap_after_bee)
    assert BEE in refused(output)
    assert output.content()["run_id"] == "bee-run"


def test_a_lock_that_cannot_be_written_is_told_with_its_reason(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(monkeypatch, "swap", failing(ANY.swap))
    with pytest.raises(TrailtallyError) as raised, output.held():
        pytest.fail("it is not held")
    assert str(raised.value) == (f"--output {output}: its lock {output.lock} cannot be read or written: no space left on device")
    assert (raised.value.status, output.said) == (1, [])


def test_a_lock_that_cannot_be_read_is_told_with_its_reason(output: Output) -> None:
    output.lock.mkdir(parents=True)
    with pytest.raises(TrailtallyError) as raised, output.held():
        pytest.fail("it is not held")
    assert str(raised.value) == f"--output {output}: its lock {output.lock} cannot be read or written: is a directory"


def test_a_run_shows_that_it_lives_while_it_holds_the_output(output: Output, clock: Clock, quick_heartbeat: None) -> None:
    with output.held():
        before = output.content()
        for hour in (13, 14, 15):
            clock.forward(3600)
            until(lambda hour=hour: output.content() == before | {"heartbeat": f"2026-03-09T{hour}:00:00Z"})  # type: ignore[misc]
        assert heartbeats() == 1
    assert heartbeats() == 0


@pytest.mark.parametrize("broken", [failing, lying(OSError("timed out")), lying(False)], ids=["fails", "raises", "says no"])
def test_a_run_goes_on_while_its_sign_of_life_cannot_be_written(
    output: Output, quick_heartbeat: None, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Swap], Swap]
) -> None:
    real, beats = ANY.swap, threading.Semaphore(0)

    def counted(path: str, old: bytes | None, new: bytes | None) -> bool:
        beats.release()
        return broken(real)(path, old, new)

    with output.held() as mine:
        replace(monkeypatch, "swap", counted)
        assert [beats.acquire(timeout=10) for _ in range(3)] == [True] * 3
        mine.check()
        replace(monkeypatch, "swap", real)
    assert (output.lock.exists(), output.said) == (False, [])


def test_a_heartbeat_goes_on_after_the_store_was_away(
    output: Output, clock: Clock, quick_heartbeat: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, beats = ANY.get, threading.Semaphore(0)

    def away(_: str) -> None:
        beats.release()
        raise OSError("timed out")

    with output.held():
        replace(monkeypatch, "get", away)
        assert [beats.acquire(timeout=10) for _ in range(3)] == [True] * 3
        replace(monkeypatch, "get", real)
        clock.forward(60)
        until(lambda: output.content()["heartbeat"] == "2026-03-09T12:01:00Z")


def test_the_lock_is_removed_when_the_last_heartbeat_is_over(
    output: Output, quick_heartbeat: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, beats, at_removal = ANY.swap, threading.Semaphore(0), []

    def slow(path: str, old: bytes | None, new: bytes | None) -> bool:
        if new is None:
            at_removal.append(heartbeats())
        else:
            beats.release()
            time.sleep(0.05)
        return real(path, old, new)

    with output.held():
        replace(monkeypatch, "swap", slow)
        assert beats.acquire(timeout=10)
    assert at_removal == [0]


def lost(output: Output, what: str) -> str:
    return f"--output {output}: run my-run {what}. It publishes nothing more; run the same command again"


def test_a_heartbeat_ends_when_another_run_took_over_and_that_runs_lock_stays(output: Output, quick_heartbeat: None) -> None:
    with output.held() as mine:
        body = output.held_by_bee()
        until(lambda: heartbeats() == 0)
        with pytest.raises(LockLost) as raised:
            mine.check()
    assert str(raised.value) == lost(output, f"no longer holds it: {BEE} took it over at 2026-03-09 11:00:00 UTC")
    assert (output.lock.read_bytes(), output.said) == (body, [])


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (Path.unlink, "no longer holds it: {} is gone: another run took over and ended, or somebody deleted it"),
        (lambda path: path.write_bytes(b"{}"), "no longer holds it: {} is no longer a lock of trailtally"),
        (
            lambda path: (path.unlink(), path.mkdir()),
            "may no longer hold it: {} cannot be read or written: is a directory",
        ),
    ],
    ids=["gone", "no lock", "unreadable"],
)
def test_a_run_that_does_not_find_its_lock_has_lost_it(output: Output, spoil: Callable[[Path], object], what: str) -> None:
    with output.held() as mine:
        spoil(output.lock)
        with pytest.raises(LockLost) as raised:
            mine.check()
    assert str(raised.value) == lost(output, what.format(output.lock))


def test_who_may_publish_has_shown_right_then_that_it_lives(output: Output, clock: Clock) -> None:
    with output.held("asleep") as mine:
        clock.forward(3600)  # anybody may take over now
        mine.check()
        assert "run asleep on ant" in refused(output)


def test_a_check_and_a_heartbeat_do_not_take_each_other_for_another_run(output: Output, quick_heartbeat: None) -> None:
    with output.held() as mine:
        for _ in range(200):
            mine.check()
        assert heartbeats() == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), RunStopped("disk full"), OSError("disk full")])
def test_the_output_is_free_again_however_the_run_ends(output: Output, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, output.held():
        raise error
    assert raised.value is error
    assert (output.lock.exists(), heartbeats()) == (False, 0)


def test_who_is_interrupted_right_after_the_lock_was_written_leaves_none(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ANY.swap

    def interrupt(path: str, old: bytes | None, new: bytes | None) -> bool:
        replace(monkeypatch, "swap", real)
        ANY.swap(path, old, new)
        raise KeyboardInterrupt

    replace(monkeypatch, "swap", interrupt)
    with pytest.raises(KeyboardInterrupt), output.held():
        pytest.fail("it was interrupted")
    assert not output.lock.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RunStopped("disk full")])
def test_a_lock_that_cannot_be_removed_does_not_hide_why_the_run_failed(
    output: Output, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def run() -> None:
        with output.held():
            replace(monkeypatch, "swap", failing(ANY.swap))
            raise error

    with pytest.raises(type(error)) as raised:
        run()
    assert raised.value is error
    assert (output.lock.exists(), output.said) == (True, [])


def test_a_lock_that_cannot_be_removed_is_named_by_a_run_that_succeeded(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    with output.held():
        replace(monkeypatch, "swap", failing(ANY.swap))
    assert output.lock.exists()
    assert output.said == [f"the lock could not be removed: delete {output.lock} (no space left on device)"]


def test_a_lock_that_cannot_even_be_read_at_the_end_is_named_too(output: Output) -> None:
    with output.held():
        output.lock.unlink()
        output.lock.mkdir()
    assert output.said == [f"the lock could not be removed: delete {output.lock} (is a directory)"]


@LIES
def test_a_lock_that_was_removed_is_not_named_though_the_store_says_no(
    output: Output, monkeypatch: pytest.MonkeyPatch, lie: Callable[[Swap], Swap]
) -> None:
    with output.held():
        replace(monkeypatch, "swap", lie(ANY.swap))
    assert (output.lock.exists(), output.said) == (False, [])
