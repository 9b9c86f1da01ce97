"""A local store meets what others placed in an output or a tree: links, pipes, devices, files without end, full disks."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import write
from trailtally.errors import Unreadable
from trailtally.storage import READ_LIMIT, Store, StoreError, local_listing, open_store


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder beside one that nothing may be written to or deleted in."""
    write(tmp_path / "victim", {"file": b"mine", "folder/file": b"mine too"})
    return write(tmp_path / "tables", {"launches/dt=1/a": b"old", "staged/a": b"new"})


@pytest.fixture
def store(output: Path) -> Store:
    return open_store(str(output))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


Change = Callable[[Store, str], Any]

CHANGES: dict[str, Change] = {
    "put": lambda store, path: store.put(path, b"data"),
    "swap": lambda store, path: store.swap(path, None, b"data"),
    "swap mine": lambda store, path: store.swap(path, b"mine", b"data"),
    "unlock": lambda store, path: store.swap(path, b"mine", None),
    "get": lambda store, path: store.get(path),
    "delete": lambda store, path: store.delete(path),
    "move from": lambda store, path: store.move(path, f"{store.root}/launches/dt=1/a"),
    "move to": lambda store, path: store.move(f"{store.root}/staged/a", path),
    "clear": lambda store, path: store.clear(path),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("target", ["file", "folder", "nowhere", "."])
def test_a_link_in_an_output_is_refused_by_its_name(output: Path, store: Store, change: Change, target: str) -> None:
    link = output / "launches" / "link"
    link.symlink_to(f"../../victim/{target}")
    before = content(output.parent / "victim"), content(output)
    with pytest.raises(StoreError) as raised:
        change(store, str(link))
    assert str(raised.value) == f"{link}: a link, which is not followed inside an output: remove it, then run again"
    assert (content(output.parent / "victim"), content(output)) == before
    assert link.is_symlink()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("below", ["file", "new", "folder/file", "new/new"])
def test_a_folder_of_an_output_that_is_a_link_is_refused_by_its_name(
    output: Path, store: Store, change: Change, below: str
) -> None:
    link = output / "launches" / "dt=2"
    link.symlink_to("../../victim")
    before = content(output.parent / "victim"), content(output)
    with pytest.raises(StoreError) as raised:
        change(store, f"{link}/{below}")
    assert str(raised.value) == f"{link}: a link, which is not followed inside an output: remove it, then run again"
    assert (content(output.parent / "victim"), content(output)) == before


def test_what_is_cleared_or_empty_has_its_links_removed_or_kept_and_not_followed(output: Path, store: Store) -> None:
    for folder in ("staged", "empty/below"):
        (output / folder).mkdir(parents=True, exist_ok=True)
    (output / "staged" / "link").symlink_to("../../victim")
    (output / "kept").mkdir()
    (output / "kept" / "link").symlink_to("../../victim")
    store.clear(f"{output}/staged")
    store.remove_empty(str(output))
    assert sorted(str(path.relative_to(output)) for path in output.rglob("*") if "victim" not in str(path)) == [
        "kept",
        "kept/link",
        "launches",
        "launches/dt=1",
        "launches/dt=1/a",
    ]
    assert content(output.parent / "victim") == {"file": b"mine", "folder/file": b"mine too"}


def test_the_root_itself_may_be_reached_by_a_link(output: Path) -> None:
    (output.parent / "way").symlink_to("tables")
    store = open_store(f"{output.parent}/way")
    store.put(f"{store.root}/a", b"data")
    assert (output / "a").read_bytes() == b"data"


@pytest.mark.parametrize("kind", ["pipe", "device", "large", "grows"])
def test_what_lies_in_the_place_of_an_object_neither_hangs_nor_fills_memory(
    output: Path, store: Store, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = output / "lock.json"
    reason = "not a regular file: remove it, then run again"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        stat = os.stat

        def as_device(name: Any, **options: Any) -> os.stat_result:
            return stat("/dev/zero") if name == "lock.json" else stat(name, **options)

        path.touch()
        monkeypatch.setattr(os, "stat", as_device)
    else:
        path.touch()
        if kind == "large":
            os.truncate(path, 1 << 40)
        else:
            monkeypatch.setattr(os, "read", lambda _, size: bytes(min(size, 1 << 20)))
        reason = f"larger than {64 << 20} bytes, which no object of its kind is"
    with pytest.raises(StoreError) as raised:
        store.get(str(path))
    assert str(raised.value) == f"{path}: {reason}"
    if kind in {"pipe", "large"}:
        with pytest.raises(StoreError):
            store.swap(str(path), None, b"mine")


def test_a_limit_of_its_own_is_the_most_that_is_got(output: Path, store: Store) -> None:
    assert store.get(f"{output}/staged/a", limit=3) == b"new"
    with pytest.raises(StoreError, match="larger than 2 bytes"):
        store.get(f"{output}/staged/a", limit=2)


def test_a_staged_pipe_or_folder_does_not_become_an_object(output: Path, store: Store) -> None:
    os.mkfifo(output / "staged" / "pipe")
    with pytest.raises(StoreError, match="staged/pipe: not a regular file"):
        store.move(f"{output}/staged/pipe", f"{output}/launches/dt=1/a")
    with pytest.raises(IsADirectoryError):
        store.move(f"{output}/staged", f"{output}/launches/dt=1/a")
    assert (output / "launches/dt=1/a").read_bytes() == b"old"


# --- Drafts ---


def test_a_draft_has_a_hidden_name_that_nobody_can_know_before(
    output: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts: list[str] = []
    replace = os.replace

    def note(source: str, *rest: Any, **folders: Any) -> None:
        drafts.append(source)
        replace(source, *rest, **folders)

    monkeypatch.setattr(os, "replace", note)
    for _ in range(2):
        store.put(f"{output}/a", b"data")
    assert len(set(drafts)) == 2
    assert all(len(draft) > 20 and draft.startswith(".a.") for draft in drafts)


@pytest.mark.parametrize("fails", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_object_and_no_draft(
    output: Path, store: Store, monkeypatch: pytest.MonkeyPatch, fails: str, error: BaseException
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    before = content(output)
    monkeypatch.setattr(os, fails, fail)
    for is_put in [False] if fails == "fsync" else [True, False]:  # what is put is made durable by sync
        path = f"{output}/launches/dt=1/a"
        with pytest.raises(type(error)) as raised:
            getattr(store, "put" if is_put else "swap")(path, *([b"data"] if is_put else [b"old", b"data"]))
        if isinstance(raised.value, OSError):
            assert raised.value.errno == errno.ENOSPC
            assert store.describe("/another", raised.value) == f"{output}/launches/dt=1: no space left on device"
    assert content(output) == before


def test_a_move_that_fails_for_a_full_disk_names_the_folder(output: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "full", "a", None, "b")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full") as raised:
        store.move(f"{output}/staged/a", f"{output}/launches/dt=1/a")
    assert str(raised.value) == f"[Errno 28] full: '{output}/launches/dt=1'"


def test_a_large_object_is_written_whole(output: Path, store: Store) -> None:
    data = os.urandom(1 << 20) * 70
    store.put(f"{output}/large", data)
    assert store.get(f"{output}/large", limit=len(data)) == data


def test_many_writers_of_one_object_leave_one_of_theirs_and_no_draft(output: Path, store: Store) -> None:
    def put(number: int) -> None:
        for _ in range(20):
            store.put(f"{output}/new/folder/a", b"%d" % number * 1000)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in (output / "new" / "folder").iterdir()] == ["a"]
    assert len(set((output / "new" / "folder" / "a").read_bytes())) == 1


# --- Reading an input ---


def test_an_input_is_read_through_links(output: Path, store: Store) -> None:
    (output / "link").symlink_to("../victim")
    assert store.read(f"{output}/link/file")[0] == b"mine"
    assert store.read(f"{output}/link/file", limit=4, size=4)[0] == b"mine"


@pytest.mark.parametrize(("limit", "size"), [(3, None), (3, 100), (3, 3)])
def test_a_file_above_the_limit_is_unreadable(output: Path, store: Store, limit: int, size: int | None) -> None:
    with pytest.raises(Unreadable, match=r"^larger than 3 bytes$"):
        store.read(f"{output.parent}/victim/file", limit=limit, size=size)


def test_a_file_that_is_larger_than_it_was_listed_is_unreadable(output: Path, store: Store) -> None:
    with pytest.raises(Unreadable, match=r"^larger than the 3 bytes that it was listed with: it changes while it is read$"):
        store.read(f"{output.parent}/victim/file", limit=100, size=3)


def test_without_a_limit_there_is_one(output: Path, store: Store) -> None:
    os.truncate(output / "staged" / "a", 1 << 40)
    with pytest.raises(Unreadable, match=f"^larger than {READ_LIMIT} bytes$"):
        store.read(f"{output}/staged/a")


def test_a_file_that_grows_for_ever_ends_at_the_limit(output: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_listing, "_CHUNK", 10)
    monkeypatch.setattr(os, "read", lambda _, size: bytes(size))
    with pytest.raises(Unreadable, match=r"^larger than 1000 bytes$"):
        store.read(f"{output}/staged/a", limit=1000)


def test_a_file_that_grew_while_it_was_read_is_read_to_its_end(
    output: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_listing, "_CHUNK", 2)
    fstat = os.fstat

    def grow(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        (output / "staged" / "a").write_bytes(b"new and longer")
        return found

    monkeypatch.setattr(os, "fstat", grow)
    assert store.read(f"{output}/staged/a")[0] == b"new and longer"


def test_a_pipe_and_a_device_are_unreadable_at_once(output: Path, store: Store) -> None:
    os.mkfifo(output / "pipe")
    (output / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros"):
        with pytest.raises(Unreadable, match=r"^neither a file nor a folder$"):
            store.read(f"{output}/{name}")
