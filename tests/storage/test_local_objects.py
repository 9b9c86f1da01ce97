"""A folder as a store of objects: every name is listed, a replacement is whole or did not happen."""

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import swaps
from builders import write
from trailtally.errors import Unreadable, UsageError
from trailtally.storage import GONE, Store, StoreError, open_store, path_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def test_every_file_of_a_tree_is_listed_folder_by_folder(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"b/2": b"two", "b/1": b"", "a/c/3": b"3", ".hidden": b"h", "z#1": b"z"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("a")
    entries = list(store.list_tree(str(tmp_path)))
    assert [(entry.key.removeprefix(f"{tmp_path}/"), entry.size, entry.problem) for entry in entries] == [
        (".hidden", 1, None),
        ("z#1", 1, None),
        ("a/c/3", 1, None),
        ("b/1", 0, None),
        ("b/2", 3, None),
        ("link/c/3", 1, None),
    ]


def names(path: Path, after: str = "", last: str = "") -> list[str]:
    return [entry.key.removeprefix(f"{path}/") for entry in open_store(str(path)).list_tree(str(path), after, last)]


def test_of_a_tree_a_range_of_names_can_be_listed(tmp_path: Path) -> None:
    write(tmp_path, dict.fromkeys(("a", "b/1", "b/2/x", "b/3", "b0", "c/1"), b""))
    assert names(tmp_path, after="b/1") == ["b0", "b/3", "b/2/x", "c/1"]
    assert names(tmp_path, after="b/2") == ["b0", "b/3", "b/2/x", "c/1"]
    assert names(tmp_path, last="b/2/x") == ["a", "b/1", "b/2/x"]
    assert names(tmp_path, after="b/1", last="b/3") == ["b/3", "b/2/x"]


def test_parts_of_a_tree_that_adjoin_have_each_name_once(tmp_path: Path) -> None:
    write(tmp_path, dict.fromkeys(("2025/12/31/a", "2026/01/01/a", "2026/01/02/a", "2026/2", "a"), b""))
    (tmp_path / "2026/01/01/b").write_bytes(b"")
    cuts = ["2026", "2026/01/01", "2026/01/02"]
    parts = [names(tmp_path, *ends) for ends in zip(["", *cuts], [*cuts, ""], strict=True)]
    assert sorted(name for part in parts for name in part) == sorted(names(tmp_path))
    assert parts[2] == ["2026/01/01/a", "2026/01/01/b"]


def test_folders_outside_the_range_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"2026/0{month}/01/a": b"" for month in (1, 2, 3)})
    looked_at: list[str] = []
    real = os.scandir

    def scan(path: str) -> Any:
        looked_at.append(path.removeprefix(str(tmp_path)))
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    assert names(tmp_path, after="2026/02", last="2026/03") == ["2026/02/01/a"]
    assert looked_at == ["", "/2026", "/2026/02", "/2026/02/01"]


def test_a_folder_has_its_folders_and_its_own_files(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"b/1": b"", "a/2": b"", "2": b"", "1": b""})
    assert store.folders_to_enter(str(tmp_path)) == [f"{tmp_path}/a", f"{tmp_path}/b"]
    assert [file.key for file in store.list_files(str(tmp_path))] == [f"{tmp_path}/1", f"{tmp_path}/2"]


def test_a_link_back_is_an_entry_and_not_followed(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"a/1": b""})
    (tmp_path / "a" / "loop").symlink_to("..")
    assert [(entry.key.removeprefix(f"{tmp_path}/"), entry.problem) for entry in store.list_tree(str(tmp_path))] == [
        ("a/1", None),
        ("a/loop/", "a link to a folder that it lies in"),
    ]


def test_what_is_no_readable_file_is_an_entry_with_its_problem(store: Store, tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "itself").symlink_to("itself")
    os.mkfifo(tmp_path / "pipe")
    assert store.entry_at(f"{tmp_path}/broken") == (f"{tmp_path}/broken", 0, "", "a link to a file that does not exist")
    assert store.entry_at(f"{tmp_path}/itself").problem == "too many levels of symbolic links"
    assert store.entry_at(f"{tmp_path}/pipe").problem == "neither a file nor a folder"
    assert store.entry_at(f"{tmp_path}/gone") == (f"{tmp_path}/gone", 0, "", "no such file or directory")


def test_the_e_tag_changes_with_the_file_and_only_then(store: Store, tmp_path: Path) -> None:
    file = write(tmp_path, {"a": b"one"}) / "a"
    before = store.entry_at(str(file))
    assert store.entry_at(str(file)) == before
    os.utime(file, ns=(1, 1))
    touched = store.entry_at(str(file))
    file.write_bytes(b"four")
    os.utime(file, ns=(1, 1))
    assert len({before.e_tag, touched.e_tag, store.entry_at(str(file)).e_tag}) == 3


def test_an_object_is_read_whole_by_its_key(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"latin-\udce9": b"\0\xff"})
    key = f"{tmp_path}/latin-\\xe9"
    assert store.read(key) == (b"\0\xff", store.entry_at(path_of(key)).e_tag)


def test_the_e_tag_of_what_was_read_is_the_old_ones_where_another_took_its_place_meanwhile(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, fstat = write(tmp_path, {"a": b"old", "new": b"newer"}) / "a", os.fstat
    before = store.entry_at(str(file)).e_tag

    def replace(descriptor: int) -> os.stat_result:
        with contextlib.suppress(FileNotFoundError):
            (tmp_path / "new").replace(file)
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", replace)
    assert store.read(str(file)) == (b"old", before)
    monkeypatch.undo()
    assert store.read(str(file)) == (b"newer", store.entry_at(str(file)).e_tag)


def test_bytes_that_were_read_before_a_file_was_written_over_do_not_get_the_e_tag_that_it_has_then(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, fstat = write(tmp_path, {"a": b"old"}) / "a", os.fstat

    def write_over(descriptor: int) -> os.stat_result:
        if file.stat().st_size == 3:
            file.write_bytes(b"newer")
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", write_over)
    assert store.read(str(file)) == (b"newer", store.entry_at(str(file)).e_tag)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", GONE),
        ("gone/too", GONE),
        ("broken", "a link to a file that does not exist"),
        ("", "is a directory"),
    ],
)
def test_what_cannot_be_read_is_unreadable_with_its_reason(store: Store, tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    with pytest.raises(Unreadable) as raised:
        store.read(f"{tmp_path}/{name}")
    assert str(raised.value) == reason


def test_an_object_is_replaced_in_one_step(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, {"dt=2026-03-09/t.parquet": b"old"}) / "dt=2026-03-09/t.parquet"
    with path.open("rb") as reader:
        store.put(str(path), b"new")
        assert reader.read() == b"old"  # who reads the old one reads it to its end
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_deleting_the_last_object_removes_its_folder(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"t/dt=1/t.parquet": b"", "t/dt=2/t.parquet": b"", "t/dt=2/mine": b""})
    store.delete(f"{tmp_path}/t/dt=1/t.parquet")
    store.delete(f"{tmp_path}/t/dt=2/t.parquet")
    assert [path.name for path in (tmp_path / "t").rglob("*")] == ["dt=2", "mine"]


def test_deleting_an_object_that_is_not_there_does_nothing(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"t/dt=1/mine": b""})
    (tmp_path / "t" / "dt=2").mkdir()
    for missing in ("t/dt=1/t.parquet", "t/dt=2/t.parquet", "t/dt=3/t.parquet"):
        store.delete(f"{tmp_path}/{missing}")
    assert sorted(path.name for path in (tmp_path / "t").rglob("*")) == ["dt=1", "mine"]  # an empty folder goes nevertheless


def test_a_cleared_folder_is_gone_with_all_below_it(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"stage/a/1": b"", "stage/.2": b"", "stages": b"mine", "linked/3": b"mine"})
    (tmp_path / "stage" / "link").symlink_to(tmp_path / "linked")
    store.clear(f"{tmp_path}/stage")
    store.clear(f"{tmp_path}/stage")  # there is none now
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["3", "linked", "stages"]


def test_a_small_object_is_its_bytes_or_none(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"one": b"\0\xff", "empty": b""})
    assert [store.get(f"{tmp_path}/{name}") for name in ("one", "empty", "gone", "gone/too")] == [b"\0\xff", b"", None, None]
    with pytest.raises(IsADirectoryError):
        store.get(str(tmp_path))


@pytest.mark.parametrize(("there", "old", "new", "then"), swaps.DONE)
def test_a_small_object_is_swapped_where_it_is_as_expected(
    store: Store, tmp_path: Path, there: bytes | None, old: bytes | None, new: bytes | None, then: bytes | None
) -> None:
    path = f"{write(tmp_path, {} if there is None else {'new/object': there})}/new/object"
    assert store.swap(path, old, new) is True
    assert store.get(path) == then
    assert [left.name for left in (tmp_path / "new").iterdir()] == ([] if then is None else ["object"])


@pytest.mark.parametrize(("there", "old", "new"), swaps.REFUSED)
def test_a_small_object_that_is_not_as_expected_stays(
    store: Store, tmp_path: Path, there: bytes | None, old: bytes | None, new: bytes | None
) -> None:
    path = f"{write(tmp_path, {} if there is None else {'object': there})}/object"
    assert store.swap(path, old, new) is False
    assert store.get(path) == there


def test_of_many_swaps_at_the_same_time_each_counts_once(store: Store, tmp_path: Path) -> None:
    path = str(write(tmp_path, {"count": b"0"}) / "count")

    def add_ten(_: int) -> None:
        for _ in range(10):
            while not store.swap(path, old := store.get(path), b"%d" % (int(old or b"0") + 1)):
                pass

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_ten, range(8)))
    assert store.get(path) == b"80"


def test_a_swap_whose_folder_was_made_anew_while_it_waited_waits_for_those_who_hold_the_new_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, flock, waits = tmp_path / "new", fcntl.flock, iter(["removed and made anew", "theirs"])

    def wait(descriptor: int, how: int) -> None:
        if next(waits) == "theirs":
            write(folder, {"object": b"theirs"})
        else:
            folder.rmdir()
            folder.mkdir()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", wait)
    assert store.swap(f"{folder}/object", None, b"mine") is False
    assert (next(waits, None), store.get(f"{folder}/object")) == (None, b"theirs")


def test_a_swap_whose_folder_was_removed_while_it_waited_makes_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, flock, makedirs = tmp_path / "new", fcntl.flock, os.makedirs
    store = open_store(str(folder))
    removals = iter(["before it is opened", "while it waited"])

    def make(path: str, exist_ok: bool) -> None:
        makedirs(path, exist_ok=exist_ok)
        if next(removals, None):
            folder.rmdir()

    def wait(descriptor: int, how: int) -> None:
        if next(removals, None):
            folder.rmdir()
        flock(descriptor, how)

    monkeypatch.setattr(os, "makedirs", make)
    monkeypatch.setattr(fcntl, "flock", wait)
    assert store.swap(f"{folder}/object", None, b"mine") is True
    assert (next(removals, None), store.get(f"{folder}/object")) == (None, b"mine")


# Makes the object as often as it can, and says what was wrong where it was not alone to do so.
RACER = """
import sys
from trailtally.storage import open_store
path, mine = sys.argv[1], sys.argv[2].encode()
store = open_store(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
won = 0
for _ in range(300):
    try:
        if store.swap(path, None, mine):
            won += 1
            if store.get(path) != mine or not store.swap(path, mine, None):
                print("another one won, too")
    except OSError as error:
        print(error)
print(won)
"""


@contextlib.contextmanager
def removing(folder: Path) -> Iterator[None]:
    """While the block runs the folder is removed whenever it is empty, as by a run that wrote nothing into a new output."""
    ended, store = threading.Event(), open_store(str(folder))

    def remove() -> None:
        while not ended.is_set():
            store.remove_empty(store.root)

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_of_four_processes_that_make_an_object_one_wins_though_another_removes_the_empty_folder(tmp_path: Path) -> None:
    path = tmp_path / "tables" / "_trailtally" / "lock.json"
    with contextlib.ExitStack() as stack:
        racers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", RACER, str(path), f"racer {n}", str(path.parents[1])],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for n in range(4)
        ]
        assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 4
        with removing(path.parents[1]):
            for racer in racers:
                print("go", file=racer.stdin, flush=True)
            said = [racer.communicate()[0].splitlines() for racer in racers]
    assert [lines[:-1] for lines in said] == [[]] * 4
    assert sum(int(lines[-1]) for lines in said) > 1


def test_where_a_swap_cannot_write_the_old_object_stays(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "disk full")

    path = str(write(tmp_path, {"object": b"old"}) / "object")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        store.swap(path, b"old", b"new")
    monkeypatch.undo()
    assert store.swap(path, b"old", b"new")  # nobody is kept out after the failure
    assert [entry.key for entry in store.list_tree(str(tmp_path))] == [path]


def test_a_moved_object_takes_the_place_of_the_one_there(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"stage/a": b"new", "stage/b": b"first", "dt=1/t": b"old"})
    store.move(f"{tmp_path}/stage/a", f"{tmp_path}/dt=1/t")
    store.move(f"{tmp_path}/stage/b", f"{tmp_path}/dt=2/t")
    assert {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {
        "dt=1/t": b"new",
        "dt=2/t": b"first",
    }


def test_an_object_that_was_moved_before_is_not_moved_again(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"stage/a": b"new"})
    for _ in range(2):
        store.move(f"{tmp_path}/stage/a", f"{tmp_path}/dt=1/t")
    assert store.get(f"{tmp_path}/dt=1/t") == b"new"


def test_a_range_is_of_the_file_that_was_listed(store: Store, tmp_path: Path) -> None:
    write(tmp_path, {"a [1]*?": b"0123456789"})
    entry = store.entry_at(f"{tmp_path}/a [1]*?")
    assert store.read_range(entry, 2, 3) == b"234"
    store.put(f"{tmp_path}/a [1]*?", b"9876543210")
    with pytest.raises(StoreError, match="changed since it was listed"):
        store.read_range(entry, 2, 3)
    store.delete(f"{tmp_path}/a [1]*?")
    with pytest.raises(StoreError, match="changed since it was listed"):
        store.read_range(entry, 2, 3)


def test_partitions_are_the_values_of_folders_that_hold_an_object(store: Store, tmp_path: Path) -> None:
    write(
        tmp_path, {"dt=b/x": b"", "dt=a/x": b"", "dt=draft/.x.draft": b"", "dt=mark/_SUCCESS": b"", "other=c/x": b"", "dt=d": b""}
    )
    (tmp_path / "dt=empty").mkdir()
    assert store.partitions(str(tmp_path), "dt") == ["a", "b"]
    assert store.partitions(f"{tmp_path}/gone", "dt") == []


@pytest.mark.parametrize("files", [{}, {"launches/dt=1/x": b""}, {".DS_Store": b"", "_temporary/x": b""}])
def test_an_output_may_be_new_empty_or_of_an_earlier_run(tmp_path: Path, files: dict[str, bytes]) -> None:
    output = write(tmp_path / "new" / "tables", files)
    open_store(str(output)).prepare_output(frozenset({"launches"}))
    assert output.is_dir()
    assert {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()} == set(files)


def test_an_output_that_holds_anything_else_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"launches/dt=1/x": b"", "thesis.doc": b"", "taxes": b""})
    with pytest.raises(UsageError) as raised:
        open_store(str(tmp_path)).prepare_output(frozenset({"launches"}))
    assert str(raised.value) == (
        f"--output {tmp_path}: it holds 'taxes', which is no table of trailtally. Give a new or an empty folder"
    )


def test_an_output_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"file": b""})
    with pytest.raises(UsageError, match=r"this is a file\. Give a folder, new or of an earlier run$"):
        open_store(f"{tmp_path}/file").prepare_output(frozenset())
    with pytest.raises(UsageError, match=f"^--output {tmp_path}/file/tables: it cannot be written: not a directory$"):
        open_store(f"{tmp_path}/file/tables").prepare_output(frozenset())
