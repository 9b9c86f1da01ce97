"""What every engine does alike: keys grouped whole, errors in the user's words, counts that add up, deaths that are met."""

from collections.abc import Callable, Iterator

import pytest

from engine import stages
from engine.session import shared_engine
from trailtally import meter
from trailtally.engine import Engine
from trailtally.engine.local import LocalEngine
from trailtally.errors import RunStopped, TrailtallyError

# Above what an engine does within its own process.
MUCH = 1 << 40


@pytest.fixture(scope="module", params=["in this process", "processes", "spark"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine."""
    make: dict[str, Callable[[], Engine]] = {
        "in this process": lambda: LocalEngine(small=2 * MUCH),
        "processes": lambda: LocalEngine(2, small=-1),
        "spark": shared_engine,
    }
    with make[request.param]() as made:
        yield made


@pytest.fixture
def other_processes(engine: Engine, request: pytest.FixtureRequest) -> None:
    """An engine whose tasks are in other processes."""
    if "in this process" in request.node.name:
        pytest.skip("its process is the test's")


def test_each_key_is_one_task_that_gets_all_its_blobs(engine: Engine) -> None:
    inputs = [("one", b"ant bee cat"), ("two", b"bee cat"), ("three", b"cat ape")]
    found = dict(engine.run(inputs, [stages.split_words, stages.count_inputs, stages.join_lines], weight=MUCH))
    assert found == {"a": b"ant: one\nape: three", "b": b"bee: one two", "c": b"cat: one three two"}


def test_thousands_of_keys_arrive_whole(engine: Engine) -> None:
    words = [f"{letter}{number}" for letter in "abc" for number in range(1000)]
    inputs = [(f"input {part}", " ".join(words).encode()) for part in range(3)]
    found = dict(engine.run(inputs, [stages.split_words, stages.count_inputs, stages.join_lines], weight=MUCH))
    assert {key: blob.count(b"input 0 input 1 input 2") for key, blob in found.items()} == dict.fromkeys("abc", 1000)


def test_blobs_of_megabytes_and_empty_ones_arrive(engine: Engine) -> None:
    inputs = [(str(number), b"x") for number in range(12)]
    found = dict(engine.run(inputs, [stages.make_big, stages.measure], weight=MUCH))
    assert found == {"key 0": b"24 12582912", "key 1": b"12 12582912", "key 2": b"12 12582912"}


def test_a_stage_that_looks_at_no_blob_still_has_each_key_once(engine: Engine) -> None:
    inputs = [(str(number), b"a b c") for number in range(20)]
    found = sorted(engine.run(inputs, [stages.split_words, stages.ignore_blobs], weight=MUCH))
    assert found == [("a", b"seen"), ("b", b"seen"), ("c", b"seen")]


def test_many_inputs_are_each_done_once(engine: Engine) -> None:
    inputs = [(f"{number:05}", b"a") for number in range(300)]
    found = dict(engine.run(inputs, [stages.split_words, stages.measure], weight=MUCH))
    assert found == {"a": b"300 1500"}


def test_nothing_to_do_is_done_at_once(engine: Engine) -> None:
    assert list(engine.run([], [stages.split_words, stages.measure], weight=MUCH)) == []


def test_what_tasks_count_adds_up(engine: Engine) -> None:
    before = engine.counted()
    list(engine.run([("one", b"a b"), ("two", b"b c d")], [stages.split_words, stages.count_inputs], weight=MUCH))
    counted = engine.counted() - before
    assert (counted["words"], counted["calls"]) == (5, 4)


def test_an_error_for_the_user_keeps_its_words(engine: Engine) -> None:
    with pytest.raises(TrailtallyError) as raised:
        list(engine.run([("x", b"")], [stages.refuse], weight=MUCH))
    assert str(raised.value) == 'x: "no" [[such]] folder \\ é\x1b. Give another'


def test_an_error_in_a_later_stage_keeps_its_words(engine: Engine) -> None:
    with pytest.raises(TrailtallyError, match=r'^a: "no" '):
        list(engine.run([("x", b"a"), ("y", b"a")], [stages.split_words, stages.refuse], weight=MUCH))


def test_a_fault_is_told_in_its_first_line(engine: Engine) -> None:
    with pytest.raises((RuntimeError, KeyError)) as raised:
        list(engine.run([("x", b"a")], [stages.break_down], weight=MUCH))
    assert TrailtallyError.of(raised.value).removeprefix("RuntimeError: ").startswith("KeyError: 'nowhere'")


def test_it_works_after_an_error(engine: Engine) -> None:
    with pytest.raises(TrailtallyError):
        list(engine.run([("x", b"")], [stages.refuse], weight=MUCH))
    assert list(engine.run([("x", b"a")], [stages.split_words, stages.measure], weight=MUCH)) == [("a", b"1 1")]


@pytest.mark.usefixtures("other_processes")
def test_a_worker_that_dies_is_told_in_one_line(engine: Engine) -> None:
    with pytest.raises(RunStopped) as raised:
        list(engine.run([("x", b"a")], [stages.end_itself], weight=MUCH))
    message = str(raised.value)
    assert "worker" in message
    assert "Nothing of this batch was published" in message
    assert "--batch-bytes" in message
    assert "\n" not in message


@pytest.mark.usefixtures("other_processes")
def test_what_kills_its_worker_is_found_and_the_rest_goes_on(engine: Engine) -> None:
    before = meter.snapshot()
    inputs = [("x", b"a\nb\npoison\nc"), ("y", b"d")]
    (found,) = dict(engine.run(inputs, [stages.Careful(), stages.join_lines], weight=MUCH)).values()
    assert found == b"a\nb\nc\nd\nnot read: a worker process was stopped by signal SIGKILL"
    assert meter.snapshot()["lines"] == before["lines"]
