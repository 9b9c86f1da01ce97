"""An argument becomes a store: an object that can be passed, compared, pickled and used in another process."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from trailtally.errors import UsageError
from trailtally.storage import Access, StoreError, key_of, open_store, path_of


def test_a_store_knows_its_root_and_how_it_is_reached() -> None:
    access = Access(profile="audit", region="eu-central-1")
    assert repr(open_store("/logs/")) == "LocalStore(root='/logs')"
    assert open_store("s3a://bucket/logs/", access) == open_store("s3://bucket/logs", access)
    assert open_store("s3://bucket/logs", access) != open_store("s3://bucket/logs")
    assert (open_store("/logs").is_remote, open_store("s3://bucket").is_remote) == (False, True)
    assert open_store("/logs").is_amazons
    assert [open_store("s3://b-1", Access(endpoint_url=url)).is_amazons for url in (None, "http://minio:9000")] == [True, False]


@pytest.mark.parametrize(
    ("text", "path"),
    [("/a/b", "/a/b"), ("/a//b/", "/a/b"), ("/a/../b", "/b"), ("file:///a/b", "/a/b"), ("file://localhost/a%20b%23", "/a b#")],
)
def test_a_location_is_an_absolute_path(text: str, path: str) -> None:
    assert open_store(text).root == path


def test_a_location_may_be_relative_or_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to("here")
    monkeypatch.chdir(tmp_path)
    assert open_store("here").root == open_store("./link/").root == f"{tmp_path.resolve()}/here"


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
    assert open_store(text).root == url


@pytest.mark.parametrize("url", ["s3://", "s3:///a", "s3://b", "s3://-bucket/a", "s3://a b/c", "s3://bücket"])
def test_what_is_no_name_of_a_bucket_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_store(url)
    bucket = url.removeprefix("s3://").partition("/")[0]
    assert str(raised.value) == f"{url}: {bucket!r} is no name of a bucket. Expected s3://BUCKET or s3://BUCKET/PREFIX"


@pytest.mark.parametrize("text", ["s3:/bucket/logs", "S3:bucket", "s3a:/bucket", "arn:aws:s3:::bucket"])
def test_what_is_nearly_a_url_of_s3_is_no_folder(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_store(text)
    assert str(raised.value) == f"{text}: give s3://BUCKET or s3://BUCKET/PREFIX (for a folder of this name: ./{text})"
    assert open_store(f"./{text}").root.startswith("/")


def test_a_key_in_s3_that_is_not_utf8_is_wrong_use() -> None:
    with pytest.raises(UsageError, match=r"^s3://bucket/\\xff: it is not UTF-8"):
        open_store("s3://bucket/\udcff")


@pytest.mark.parametrize("url", ["gs://bucket/AWSLogs", "https://host/path"])
def test_other_urls_are_wrong_use_and_the_message_says_what_to_give(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_store(url)
    scheme = url.partition(":")[0]
    assert str(raised.value) == f"{url}: {scheme}:// is not supported. Give s3://BUCKET/PREFIX, or a path of this machine"


@pytest.mark.parametrize("url", ["file://", "file://a/b", "file://C:/a"])
def test_a_file_url_without_a_path_or_of_another_host_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_store(url)
    assert str(raised.value) == f"{url}: a file URL is file:///PATH, with three slashes"


def test_an_empty_path_is_wrong_use_and_not_the_folder_that_one_is_in() -> None:
    with pytest.raises(
        UsageError, match=r"^a path is empty: give a folder or s3://BUCKET/PREFIX \(is a variable of the shell not set\?\)$"
    ):
        open_store("")


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
    assert key_of(path) == key
    assert path_of(key) == path
    key.encode()


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
