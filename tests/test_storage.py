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
from trailtally import storage
from trailtally.errors import Unreadable, UsageError


@pytest.mark.parametrize(
    ("text", "path"),
    [("/a/b", "/a/b"), ("/a//b/", "/a/b"), ("/a/../b", "/b"), ("file:///a/b", "/a/b"), ("file://localhost/a%20b%23", "/a b#")],
)
def test_a_location_is_an_absolute_path(text: str, path: str) -> None:
    assert storage.location(text) == path


def test_a_location_may_be_relative_or_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to("here")
    monkeypatch.chdir(tmp_path)
    assert storage.location("here") == storage.location("./link/") == f"{tmp_path.resolve()}/here"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3a://bucket/a", "s3://bucket/a"),
        ("S3N://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://bucket/a//", "s3://bucket/a/"),  # the prefix a//
        ("s3://bucket//a", "s3://bucket//a"),
        ("s3://bucket/a%20b #+?", "s3://bucket/a%20b #+?"),  # a key is text and no URL
        ("s3://bucket/../a", "s3://bucket/../a"),
    ],
)
def test_a_location_in_s3_is_a_bucket_and_a_prefix(text: str, url: str) -> None:
    assert storage.location(text) == url


@pytest.mark.parametrize("url", ["s3://", "s3:///a", "s3://b", "s3://-bucket/a", "s3://a b/c", "s3://bücket"])
def test_what_is_no_name_of_a_bucket_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        storage.location(url)
    bucket = url.removeprefix("s3://").partition("/")[0]
    assert str(raised.value) == f"{url}: {bucket!r} is no name of a bucket. Expected s3://BUCKET or s3://BUCKET/PREFIX"


@pytest.mark.parametrize("text", ["s3:/bucket/logs", "S3:bucket", "s3a:/bucket", "arn:aws:s3:::bucket"])
def test_what_is_nearly_a_url_of_s3_is_no_folder(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        storage.location(text)
    assert str(raised.value) == f"{text}: give s3://BUCKET or s3://BUCKET/PREFIX (for a folder of this name: ./{text})"
    assert storage.location(f"./{text}").startswith("/")


def test_a_key_in_s3_that_is_not_utf8_is_wrong_use() -> None:
    with pytest.raises(UsageError, match=r"^s3://bucket/\\xff: it is not UTF-8"):
        storage.location("s3://bucket/\udcff")


@pytest.mark.parametrize("url", ["gs://bucket/AWSLogs", "https://host/path"])
def test_other_urls_are_wrong_use_and_the_message_says_what_to_give(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        storage.location(url)
    scheme = url.partition(":")[0]
    assert str(raised.value) == f"{url}: {scheme}:// is not supported. Give s3://BUCKET/PREFIX, or a path of this machine"


@pytest.mark.parametrize("url", ["file://", "file://a/b", "file://C:/a"])
def test_a_file_url_without_a_path_or_of_another_host_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        storage.location(url)
    assert str(raised.value) == f"{url}: a file URL is file:///PATH, with three slashes"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/a/b.json.gz", "/a/b.json.gz"),
        ("/ümlaut/日本 \n", "/ümlaut/日本 \n"),
        ("/latin-\udce9", "/latin-\\xe9"),  # the byte E9, as Python names a path that is not UTF-8
        ("/back\\slash", "/back\\x5cslash"),
        ("/looks\\xe9escaped", "/looks\\x5cxe9escaped"),
        ("/cut-\udce6\udc97", "/cut-\\xe6\\x97"),
    ],
)
def test_a_key_is_text_that_leads_back_to_its_path(path: str, key: str) -> None:
    assert storage.key_of(path) == key
    assert storage.path_of(key) == path
    key.encode()


def test_an_empty_path_is_wrong_use_and_not_the_folder_that_one_is_in() -> None:
    with pytest.raises(
        UsageError, match=r"^a path is empty: give a folder or s3://BUCKET/PREFIX \(is a variable of the shell not set\?\)$"
    ):
        storage.location("")


def test_every_file_of_a_tree_is_listed_folder_by_folder(tmp_path: Path) -> None:
    write(tmp_path, {"b/2": b"two", "b/1": b"", "a/c/3": b"3", ".hidden": b"h", "z#1": b"z"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("a")
    entries = list(storage.list_tree(str(tmp_path)))
    assert [(entry.key.removeprefix(f"{tmp_path}/"), entry.size, entry.problem) for entry in entries] == [
        (".hidden", 1, None),
        ("z#1", 1, None),
        ("a/c/3", 1, None),
        ("b/1", 0, None),
        ("b/2", 3, None),
        ("link/c/3", 1, None),
    ]


def names(path: Path, after: str = "", last: str = "") -> list[str]:
    return [entry.key.removeprefix(f"{path}/") for entry in storage.list_tree(str(path), after, last)]


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


def test_a_folder_has_its_folders_and_its_own_files(tmp_path: Path) -> None:
    write(tmp_path, {"b/1": b"", "a/2": b"", "2": b"", "1": b""})
    assert storage.folders_to_enter(str(tmp_path)) == [f"{tmp_path}/a", f"{tmp_path}/b"]
    assert [file.key for file in storage.list_files(str(tmp_path))] == [f"{tmp_path}/1", f"{tmp_path}/2"]


def test_a_link_back_is_an_entry_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"a/1": b""})
    (tmp_path / "a" / "loop").symlink_to("..")
    assert [(entry.key.removeprefix(f"{tmp_path}/"), entry.problem) for entry in storage.list_tree(str(tmp_path))] == [
        ("a/1", None),
        ("a/loop/", "a link to a folder that it lies in"),
    ]


def test_what_is_no_readable_file_is_an_entry_with_its_problem(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "itself").symlink_to("itself")
    os.mkfifo(tmp_path / "pipe")
    assert storage.entry_at(f"{tmp_path}/broken") == (f"{tmp_path}/broken", 0, "", "a link to a file that does not exist")
    assert storage.entry_at(f"{tmp_path}/itself").problem == "too many levels of symbolic links"
    assert storage.entry_at(f"{tmp_path}/pipe").problem == "neither a file nor a folder"
    assert storage.entry_at(f"{tmp_path}/gone") == (f"{tmp_path}/gone", 0, "", "no such file or directory")


def test_the_e_tag_changes_with_the_file_and_only_then(tmp_path: Path) -> None:
    file = write(tmp_path, {"a": b"one"}) / "a"
    before = storage.entry_at(str(file))
    assert storage.entry_at(str(file)) == before
    os.utime(file, ns=(1, 1))
    touched = storage.entry_at(str(file))
    file.write_bytes(b"four")
    os.utime(file, ns=(1, 1))
    assert len({before.e_tag, touched.e_tag, storage.entry_at(str(file)).e_tag}) == 3


def test_an_object_is_read_whole_by_its_key(tmp_path: Path) -> None:
    write(tmp_path, {"latin-\udce9": b"\0\xff"})
    key = f"{tmp_path}/latin-\\xe9"
    assert storage.read(key) == (b"\0\xff", storage.entry_at(storage.path_of(key)).e_tag)


def test_the_e_tag_of_what_was_read_is_the_old_ones_where_another_took_its_place_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, fstat = write(tmp_path, {"a": b"old", "new": b"newer"}) / "a", os.fstat
    before = storage.entry_at(str(file)).e_tag

    def replace(descriptor: int) -> os.stat_result:
        with contextlib.suppress(FileNotFoundError):
            (tmp_path / "new").replace(file)
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", replace)
    assert storage.read(str(file)) == (b"old", before)
    monkeypatch.undo()
    assert storage.read(str(file)) == (b"newer", storage.entry_at(str(file)).e_tag)


def test_bytes_that_were_read_before_a_file_was_written_over_do_not_get_the_e_tag_that_it_has_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, fstat = write(tmp_path, {"a": b"old"}) / "a", os.fstat

    def write_over(descriptor: int) -> os.stat_result:
        if file.stat().st_size == 3:
            file.write_bytes(b"newer")
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", write_over)
    assert storage.read(str(file)) == (b"newer", storage.entry_at(str(file)).e_tag)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", storage.GONE),
        ("gone/too", storage.GONE),
        ("broken", "a link to a file that does not exist"),
        ("", "is a directory"),
    ],
)
def test_what_cannot_be_read_is_unreadable_with_its_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    with pytest.raises(Unreadable) as raised:
        storage.read(f"{tmp_path}/{name}")
    assert str(raised.value) == reason


def test_an_object_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = write(tmp_path, {"dt=2026-03-09/t.parquet": b"old"}) / "dt=2026-03-09/t.parquet"
    with path.open("rb") as reader:
        with storage.replacing(str(path)) as draft:
            Path(draft).write_bytes(b"new")
            assert path.read_bytes() == b"old"
        assert reader.read() == b"old"  # who reads the old one reads it to its end
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_the_draft_of_an_object_is_hidden_from_athena_and_spark(tmp_path: Path) -> None:
    with storage.replacing(f"{tmp_path}/new/t.parquet") as draft:
        Path(draft).touch()
        assert Path(draft).name.startswith(".")


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_where_writing_raises_the_old_object_stays_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    write(tmp_path, {"t.parquet": b"old"})

    def write_half() -> None:
        with storage.replacing(f"{tmp_path}/t.parquet") as draft:
            Path(draft).write_bytes(b"half of the n")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"t.parquet": b"old"}


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    with storage.replacing(f"{tmp_path}/t.parquet") as draft:
        Path(draft).write_bytes(b"old")
    Path(draft).write_bytes(b"left by a killed run, and longer")
    with storage.replacing(f"{tmp_path}/t.parquet") as draft:
        Path(draft).write_bytes(b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"t.parquet": b"new"}


def test_deleting_the_last_object_removes_its_folder(tmp_path: Path) -> None:
    write(tmp_path, {"t/dt=1/t.parquet": b"", "t/dt=2/t.parquet": b"", "t/dt=2/mine": b""})
    storage.delete(f"{tmp_path}/t/dt=1/t.parquet")
    storage.delete(f"{tmp_path}/t/dt=2/t.parquet")
    assert [path.name for path in (tmp_path / "t").rglob("*")] == ["dt=2", "mine"]


def test_deleting_an_object_that_is_not_there_does_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"t/dt=1/mine": b""})
    (tmp_path / "t" / "dt=2").mkdir()
    for missing in ("t/dt=1/t.parquet", "t/dt=2/t.parquet", "t/dt=3/t.parquet"):
        storage.delete(f"{tmp_path}/{missing}")
    assert sorted(path.name for path in (tmp_path / "t").rglob("*")) == ["dt=1", "mine"]  # an empty folder goes nevertheless


def test_a_cleared_folder_is_gone_with_all_below_it(tmp_path: Path) -> None:
    write(tmp_path, {"stage/a/1": b"", "stage/.2": b"", "stages": b"mine", "linked/3": b"mine"})
    (tmp_path / "stage" / "link").symlink_to(tmp_path / "linked")
    storage.clear(f"{tmp_path}/stage")
    storage.clear(f"{tmp_path}/stage")  # there is none now
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["3", "linked", "stages"]


def test_a_small_object_is_its_bytes_or_none(tmp_path: Path) -> None:
    write(tmp_path, {"one": b"\0\xff", "empty": b""})
    assert [storage.get(f"{tmp_path}/{name}") for name in ("one", "empty", "gone", "gone/too")] == [b"\0\xff", b"", None, None]
    with pytest.raises(IsADirectoryError):
        storage.get(str(tmp_path))


@pytest.mark.parametrize(("there", "old", "new", "then"), swaps.DONE)
def test_a_small_object_is_swapped_where_it_is_as_expected(
    tmp_path: Path, there: bytes | None, old: bytes | None, new: bytes | None, then: bytes | None
) -> None:
    path = f"{write(tmp_path, {} if there is None else {'new/object': there})}/new/object"
    assert storage.swap(path, old, new) is True
    assert storage.get(path) == then
    assert [left.name for left in (tmp_path / "new").iterdir()] == ([] if then is None else ["object"])


@pytest.mark.parametrize(("there", "old", "new"), swaps.REFUSED)
def test_a_small_object_that_is_not_as_expected_stays(
    tmp_path: Path, there: bytes | None, old: bytes | None, new: bytes | None
) -> None:
    path = f"{write(tmp_path, {} if there is None else {'object': there})}/object"
    assert storage.swap(path, old, new) is False
    assert storage.get(path) == there


def test_of_many_swaps_at_the_same_time_each_counts_once(tmp_path: Path) -> None:
    path = str(write(tmp_path, {"count": b"0"}) / "count")

    def add_ten(_: int) -> None:
        for _ in range(10):
            while not storage.swap(path, old := storage.get(path), b"%d" % (int(old or b"0") + 1)):
                pass

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_ten, range(8)))
    assert storage.get(path) == b"80"


def test_a_swap_whose_folder_was_made_anew_while_it_waited_waits_for_those_who_hold_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    assert storage.swap(f"{folder}/object", None, b"mine") is False
    assert (next(waits, None), storage.get(f"{folder}/object")) == (None, b"theirs")


def test_a_swap_whose_folder_was_removed_while_it_waited_makes_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, flock, makedirs = tmp_path / "new", fcntl.flock, os.makedirs
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
    assert storage.swap(f"{folder}/object", None, b"mine") is True
    assert (next(removals, None), storage.get(f"{folder}/object")) == (None, b"mine")


# Makes the object as often as it can, and says what was wrong where it was not alone to do so.
RACER = """
import sys
from trailtally import storage
path, mine = sys.argv[1], sys.argv[2].encode()
print("ready", flush=True)
sys.stdin.readline()
won = 0
for _ in range(300):
    try:
        if storage.swap(path, None, mine):
            won += 1
            if storage.get(path) != mine or not storage.swap(path, mine, None):
                print("another one won, too")
    except OSError as error:
        print(error)
print(won)
"""


@contextlib.contextmanager
def removing(folder: Path) -> Iterator[None]:
    """While the block runs the folder is removed whenever it is empty, as by a run that wrote nothing into a new output."""
    ended = threading.Event()

    def remove() -> None:
        while not ended.is_set():
            storage.remove_empty(str(folder))

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
                    [sys.executable, "-c", RACER, str(path), f"racer {n}"],
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


def test_where_a_swap_cannot_write_the_old_object_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "disk full")

    path = str(write(tmp_path, {"object": b"old"}) / "object")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        storage.swap(path, b"old", b"new")
    monkeypatch.undo()
    assert storage.swap(path, b"old", b"new")  # nobody is kept out after the failure
    assert [entry.key for entry in storage.list_tree(str(tmp_path))] == [path]


def test_a_moved_object_takes_the_place_of_the_one_there(tmp_path: Path) -> None:
    write(tmp_path, {"stage/a": b"new", "stage/b": b"first", "dt=1/t": b"old"})
    storage.move(f"{tmp_path}/stage/a", f"{tmp_path}/dt=1/t")
    storage.move(f"{tmp_path}/stage/b", f"{tmp_path}/dt=2/t")
    assert {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {
        "dt=1/t": b"new",
        "dt=2/t": b"first",
    }


def test_an_object_that_was_moved_before_is_not_moved_again(tmp_path: Path) -> None:
    write(tmp_path, {"stage/a": b"new"})
    for _ in range(2):
        storage.move(f"{tmp_path}/stage/a", f"{tmp_path}/dt=1/t")
    assert storage.get(f"{tmp_path}/dt=1/t") == b"new"


def test_partitions_are_the_values_of_folders_that_hold_an_object(tmp_path: Path) -> None:
    write(
        tmp_path, {"dt=b/x": b"", "dt=a/x": b"", "dt=draft/.x.draft": b"", "dt=mark/_SUCCESS": b"", "other=c/x": b"", "dt=d": b""}
    )
    (tmp_path / "dt=empty").mkdir()
    assert storage.partitions(str(tmp_path), "dt") == ["a", "b"]
    assert storage.partitions(f"{tmp_path}/gone", "dt") == []


@pytest.mark.parametrize("files", [{}, {"launches/dt=1/x": b""}, {".DS_Store": b"", "_temporary/x": b""}])
def test_an_output_may_be_new_empty_or_of_an_earlier_run(tmp_path: Path, files: dict[str, bytes]) -> None:
    output = write(tmp_path / "new" / "tables", files)
    storage.prepare_output(str(output), frozenset({"launches"}))
    assert output.is_dir()
    assert {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()} == set(files)


def test_an_output_that_holds_anything_else_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"launches/dt=1/x": b"", "thesis.doc": b"", "taxes": b""})
    with pytest.raises(UsageError) as raised:
        storage.prepare_output(str(tmp_path), frozenset({"launches"}))
    assert str(raised.value) == (
        f"--output {tmp_path}: it holds 'taxes', which is no table of trailtally. Give a new or an empty folder"
    )


def test_an_output_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"file": b""})
    with pytest.raises(UsageError, match=r"this is a file\. Give a folder, new or of an earlier run$"):
        storage.prepare_output(f"{tmp_path}/file", frozenset())
    with pytest.raises(UsageError, match=f"^--output {tmp_path}/file/tables: it cannot be written: not a directory$"):
        storage.prepare_output(f"{tmp_path}/file/tables", frozenset())
