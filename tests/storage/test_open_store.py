"""An argument becomes a store: an object that can be passed, compared, pickled and used in another process."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from trailtally.errors import UsageError
from trailtally.storage import Access, StoreError, open_store


def test_a_store_knows_its_root_and_how_it_is_reached() -> None:
    access = Access(profile="audit", region="eu-central-1")
    assert repr(open_store("/logs/")) == "LocalStore(root='/logs')"
    assert open_store("s3a://bucket/logs/", access) == open_store("s3://bucket/logs", access)
    assert open_store("s3://bucket/logs", access) != open_store("s3://bucket/logs")
    assert (open_store("/logs").is_remote, open_store("s3://bucket").is_remote) == (False, True)
    assert open_store("/logs").is_amazons
    assert [open_store("s3://b-1", Access(endpoint_url=url)).is_amazons for url in (None, "http://minio:9000")] == [True, False]


def test_a_wrong_argument_is_wrong_use() -> None:
    for argument in ("", "s3:/bucket", "gs://bucket", "s3://"):
        with pytest.raises(UsageError):
            open_store(argument)


def test_a_store_travels_pickled(tmp_path: Path) -> None:
    for store in (open_store(str(tmp_path)), open_store("s3://bucket/logs", Access(profile="audit"))):
        assert pickle.loads(pickle.dumps(store)) == store  # noqa: S301 - of this test


USED = """
import pickle, sys
store = pickle.load(sys.stdin.buffer)
store.put(store.root + "/a/b", b"data")
print([name for name in ("boto3", "botocore", "obstore", "pyspark") if name in sys.modules])
"""


def test_a_local_store_works_in_another_process_without_the_libraries_of_s3(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    done = subprocess.run([sys.executable, "-c", USED], input=pickle.dumps(store), capture_output=True, check=True)
    assert done.stdout == b"[]\n"
    assert [(entry.key, entry.size) for entry in store.list_tree(store.root)] == [(f"{tmp_path}/a/b", 4)]


@pytest.mark.parametrize("root", ["/", "/tables", "s3://bucket", "s3://bucket/tables", "s3://bucket/tables/"])
def test_a_path_is_below_the_root_by_its_names(root: str) -> None:
    store = open_store(root)
    top = root if root == "/" else f"{root}/" if root != "s3://bucket/tables/" else root
    assert store.names_below(store.root) == []
    assert store.names_below(f"{top}launches/dt=1") == ["launches", "dt=1"]


@pytest.mark.parametrize("root", ["/tables", "s3://bucket/tables"])
@pytest.mark.parametrize("path", ["/../victim", "/a/../b", "/a/..", "/./a", "-2/a", "\0"])
def test_a_path_outside_the_root_is_refused(root: str, path: str) -> None:
    store = open_store(root)
    for change in (lambda at: store.put(at, b""), store.delete, store.clear, lambda at: store.swap(at, None, b"")):
        with pytest.raises(StoreError, match=rf"not inside {root}: nothing is written or deleted there$"):
            change(root + path)
    for source, target in ((root + path, f"{root}/a"), (f"{root}/a", root + path)):
        with pytest.raises(StoreError, match=rf"not inside {root}"):
            store.move(source, target)


def test_an_error_is_described_with_its_path() -> None:
    store = open_store("/tables")
    assert store.describe("/tables/a", PermissionError(13, "Permission denied")) == "/tables/a: permission denied"
    assert store.describe("/tables/a", OSError(28, "full")) == "/tables/a: no space left on device"
    assert store.describe("/tables/a/b", OSError(28, "full", "/tables/a")) == "/tables/a: no space left on device"
    assert store.describe("/tables/a", StoreError("s3://bucket: access denied")) == "s3://bucket: access denied"
