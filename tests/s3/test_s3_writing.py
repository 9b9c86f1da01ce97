"""A bucket as a store of objects: what is written is whole or did not happen, whatever becomes of an answer on its way."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

import swaps
from s3.fault import Fault
from s3.proxied import Proxied
from s3.servers import Bucket
from trailtally.errors import LockLost
from trailtally.run import lock
from trailtally.storage import Access, Store, StoreError, clients, open_store, requests, s3

PART = 5 << 20  # the smallest that S3 takes
LARGE = bytes(range(256)) * (2 * PART // 256) + b"end"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger than five megabytes goes in parts of five."""
    monkeypatch.setattr(s3, "_TRANSFER", TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, use_threads=False))


def test_a_small_object_is_put_in_the_place_of_what_is_there(proxy: Proxied, bucket: Bucket) -> None:
    store = open_store(bucket.url)
    url = f"{bucket.url}/folder/object"
    with requests.counted() as made:
        for data in (b"old", b"", b"\0\xff"):
            store.put(url, data)
            assert bucket.get("folder/object") == data
    assert made == [requests.Requests(puts=3, bytes_out=5)]
    assert proxy.counts() == {"PUT": 3}


@pytest.mark.parametrize(("there", "old", "new", "then"), swaps.DONE)
def test_a_small_object_is_swapped_where_it_is_as_expected(
    bucket: Bucket, there: bytes | None, old: bytes | None, new: bytes | None, then: bytes | None
) -> None:
    store = open_store(bucket.url)
    if there is not None:
        bucket.put("object", body=there)
    assert store.swap(f"{bucket.url}/object", old, new) is True
    assert store.get(f"{bucket.url}/object") == then


@pytest.mark.parametrize(("there", "old", "new"), swaps.REFUSED)
def test_a_small_object_that_is_not_as_expected_stays(
    bucket: Bucket, there: bytes | None, old: bytes | None, new: bytes | None
) -> None:
    store = open_store(bucket.url)
    if there is not None:
        bucket.put("object", body=there)
    assert store.swap(f"{bucket.url}/object", old, new) is False
    assert store.get(f"{bucket.url}/object") == there


@pytest.mark.parametrize("new", [b"mine", None])
def test_what_another_wrote_between_the_look_and_the_swap_stays(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, new: bytes | None
) -> None:
    store = open_store(bucket.url)
    bucket.put("object", body=b"old")
    look = s3.S3Prefix._sure

    def look_late(*place: Any) -> Any:
        found = look(*place)
        bucket.put("object", body=b"another's")
        return found

    monkeypatch.setattr(s3.S3Prefix, "_sure", look_late)
    assert store.swap(f"{bucket.url}/object", b"old", new) is False
    assert bucket.get("object") == b"another's"


def test_what_another_removed_between_the_look_and_the_swap_is_not_made_again(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(bucket.url)
    bucket.put("object", body=b"old")
    look = s3.S3Prefix._sure

    def look_late(*place: Any) -> Any:
        found = look(*place)
        bucket.client.delete_object(Bucket=bucket.name, Key="object")
        return found

    monkeypatch.setattr(s3.S3Prefix, "_sure", look_late)
    assert store.swap(f"{bucket.url}/object", b"old", b"mine") is False
    assert bucket.keys() == []


@pytest.mark.parametrize("server", ["bucket", "odd_bucket"])
def test_of_eight_that_make_an_object_at_the_same_time_one_wins(server: str, request: pytest.FixtureRequest) -> None:
    bucket: Bucket = request.getfixturevalue(server)
    store = open_store(bucket.url)
    together = threading.Barrier(8)
    store.exists(bucket.url)

    def make(number: int) -> tuple[bool, bytes]:
        data = b"%d" % number
        together.wait()
        return store.swap(f"{bucket.url}/object", None, data), data

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(make, range(8)))
    assert [data for won, data in made if won] == [bucket.get("object")]


def test_of_many_swaps_at_the_same_time_each_counts_once(bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("count", body=b"0")
    url = f"{bucket.url}/count"

    def add_five(_: int) -> None:
        for _ in range(5):
            while not store.swap(url, old := store.get(url), b"%d" % (int(old or b"0") + 1)):
                pass

    store.exists(bucket.url)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add_five, range(4)))
    assert bucket.get("count") == b"20"


def test_a_put_whose_answer_is_lost_is_done_again(proxy: Proxied, bucket: Bucket) -> None:
    store = open_store(bucket.url)
    proxy.tell(Fault("lost", kinds=("PUT",), first=2))
    store.put(f"{bucket.url}/object", b"new")
    assert proxy.counts() == {"PUT": 3}
    assert bucket.get("object") == b"new"


@pytest.mark.parametrize("fault", [Fault("lost", first=1), Fault("SlowDown", first=1, done=True)])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_swap_that_was_done_and_whose_answer_was_not_had_may_say_no_but_is_done_once(
    proxy: Proxied, bucket: Bucket, fault: Fault, old: bytes | None
) -> None:
    store = open_store(bucket.url)
    if old is not None:
        bucket.put("object", body=old)
    proxy.tell(Fault(fault.what, kinds=("CREATE", "SWAP"), first=fault.first, done=fault.done))
    assert store.swap(f"{bucket.url}/object", old, b"new") is False  # the lock asks the object whose it is
    assert bucket.get("object") == b"new"
    assert len(proxy.calls("CREATE", "SWAP")) == 2


@pytest.mark.parametrize(("kind", "old"), [("CREATE", None), ("SWAP", b"old")])
def test_a_swap_that_conflicts_with_another_at_the_same_time_says_no(
    proxy: Proxied, bucket: Bucket, kind: str, old: bytes | None
) -> None:
    store = open_store(bucket.url)
    if old is not None:
        bucket.put("object", body=old)
    proxy.tell(Fault("ConditionalRequestConflict", kinds=(kind,)))
    assert store.swap(f"{bucket.url}/object", old, b"new") is False


@pytest.mark.parametrize(
    ("change", "kind", "action"),
    [
        (lambda store, url: store.put(url, b"new"), "PUT", "s3:PutObject (or of the key in KMS, kms:GenerateDataKey)"),
        (lambda store, url: store.swap(url, b"old", b"new"), "SWAP", "s3:PutObject (or of the key in KMS, kms:GenerateDataKey)"),
        (lambda store, url: store.swap(url, b"old", None), "DELETE", "s3:DeleteObject"),
        (lambda store, url: store.swap(url, b"old", b"new"), "GET", "s3:GetObject (or of the key in KMS, kms:Decrypt)"),
        (lambda store, url: store.delete(url), "DELETE", "s3:DeleteObject"),
        (lambda store, url: store.move(url, f"{url}-2"), "HEAD", "s3:GetObject (or of the key in KMS, kms:Decrypt)"),
        (lambda store, url: store.move(url, f"{url}-2"), "DELETE", "s3:DeleteObject"),
    ],
)
def test_what_is_not_allowed_is_told_with_its_action_and_nothing_has_changed(
    proxy: Proxied, bucket: Bucket, change: Callable[[Store, str], Any], kind: str, action: str
) -> None:
    store = open_store(bucket.url)
    bucket.put("object", body=b"old")
    proxy.tell(Fault("AccessDenied", kinds=(kind,)))
    with pytest.raises(StoreError) as raised:
        change(store, f"{bucket.url}/object")
    assert str(raised.value) == f"{bucket.url}/object: access denied: the IAM action {action} is not allowed"
    assert bucket.get("object") == b"old"


def test_a_large_object_goes_in_parts(proxy: Proxied, bucket: Bucket, small_parts: None) -> None:
    proxy.tell(Fault("SlowDown", kinds=("PART",), first=2))
    with requests.counted() as made:
        open_store(bucket.url).put(f"{bucket.url}/t.parquet", LARGE)
    assert bucket.get("t.parquet") == LARGE
    assert proxy.counts() == {"CREATE_UPLOAD": 1, "PART": 5, "COMPLETE_UPLOAD": 1}
    assert made == [requests.Requests(puts=7, bytes_out=len(LARGE))]
    assert bucket.uploads() == []


def test_a_part_that_cannot_be_sent_leaves_the_old_object_and_no_open_upload(
    proxy: Proxied, bucket: Bucket, small_parts: None
) -> None:
    bucket.put("t.parquet", body=b"old")
    proxy.tell(Fault("AccessDenied", kinds=("COMPLETE_UPLOAD",)))
    with pytest.raises(StoreError) as raised:
        open_store(bucket.url).put(f"{bucket.url}/t.parquet", LARGE)
    assert str(raised.value).startswith(f"{bucket.url}/t.parquet: access denied: the IAM action s3:PutObject ")
    assert (bucket.get("t.parquet"), bucket.uploads()) == (b"old", [])
    proxy.tell(Fault("InternalError", kinds=("PART",)))
    with pytest.raises(StoreError, match=f"S3 answers 500 InternalError after {clients.TRIES} tries: "):
        open_store(bucket.url).put(f"{bucket.url}/t.parquet", LARGE)
    assert (bucket.get("t.parquet"), bucket.uploads()) == (b"old", [])


KILLED = """
import sys
from boto3.s3.transfer import TransferConfig
from trailtally.storage import open_store, s3
s3._TRANSFER = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, use_threads=False)
open_store(sys.argv[1]).put(sys.argv[1] + "/t.parquet", bytes(12 << 20))
"""


def test_a_kill_amid_a_large_object_leaves_the_old_one_and_the_next_write_is_whole(
    proxy: Proxied, bucket: Bucket, small_parts: None
) -> None:
    bucket.put("t.parquet", body=b"old")
    proxy.tell(Fault("delay", kinds=("COMPLETE_UPLOAD",), seconds=30))
    url = f"{bucket.url}/t.parquet"
    with subprocess.Popen([sys.executable, "-c", KILLED, bucket.url]) as process:
        while not proxy.calls("COMPLETE_UPLOAD"):
            assert process.poll() is None
        process.kill()
    assert (bucket.get("t.parquet"), bucket.keys()) == (b"old", ["t.parquet"])
    assert bucket.uploads() == ["t.parquet"]  # for the lifecycle rule
    proxy.tell()
    open_store(bucket.url).put(url, LARGE)
    assert bucket.get("t.parquet") == LARGE


def test_an_object_takes_the_place_of_another_and_once_more_it_was_done_before(proxy: Proxied, bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("staged/t", body=b"new")
    bucket.put("t", body=b"old")
    source, target = f"{bucket.url}/staged/t", f"{bucket.url}/t"
    with requests.counted() as made:
        store.move(source, target)
        store.move(source, target)
    assert (bucket.keys(), bucket.get("t")) == (["t"], b"new")
    assert proxy.counts() == {"HEAD": 2, "COPY": 1, "DELETE": 1}
    assert made == [requests.Requests(gets=2, puts=1)]


@pytest.mark.parametrize("kind", ["COPY", "DELETE", "HEAD"])
@pytest.mark.parametrize("what", ["lost", "SlowDown"])
def test_a_move_of_which_an_answer_is_lost_is_done(proxy: Proxied, bucket: Bucket, kind: str, what: str) -> None:
    store = open_store(bucket.url)
    bucket.put("staged/t", body=b"new")
    proxy.tell(Fault(what, kinds=(kind,), first=2, done=what == "SlowDown"))
    store.move(f"{bucket.url}/staged/t", f"{bucket.url}/t")
    assert (bucket.keys(), bucket.get("t")) == (["t"], b"new")


def test_a_large_object_is_moved_in_parts_and_odd_names_move_too(bucket: Bucket, small_parts: None, proxy: Proxied) -> None:
    store = open_store(bucket.url)
    bucket.put("staged/ü +%2F?#&=", body=LARGE)
    store.move(f"{bucket.url}/staged/ü +%2F?#&=", f"{bucket.url}/moved ü +%2F?#&=")
    assert bucket.get("moved ü +%2F?#&=") == LARGE
    assert bucket.keys() == ["moved ü +%2F?#&="]
    assert proxy.counts()["PART_COPY"] == 3


def test_an_object_is_deleted_and_one_that_is_not_there_too(proxy: Proxied, bucket: Bucket) -> None:
    store = open_store(bucket.url)
    bucket.put("t/dt=1/t.parquet", "t/dt=1/t.parquet.old")
    with requests.counted() as made:
        for _ in range(2):
            store.delete(f"{bucket.url}/t/dt=1/t.parquet")
        store.remove_empty(f"{bucket.url}/t")
    assert bucket.keys() == ["t/dt=1/t.parquet.old"]
    assert proxy.counts() == {"DELETE": 2}
    assert made == [requests.Requests()]


def test_a_cleared_prefix_is_gone_with_more_than_a_thousand_below_it_and_nothing_beside_it(
    proxy: Proxied, bucket: Bucket
) -> None:
    store = open_store(bucket.url)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(bucket.put, (f"stage/{number}" for number in range(1001))))
    bucket.put("stages", "stage-2/a", "stage/ü +&<>/b")
    store.clear(f"{bucket.url}/stage")
    assert bucket.keys() == ["stage-2/a", "stages"]
    assert proxy.counts()["DELETE_MANY"] == 2
    store.clear(f"{bucket.url}/stage")  # there is none now
    assert proxy.counts()["DELETE_MANY"] == 2


def test_a_prefix_that_may_not_be_cleared_is_told(odd_bucket: Bucket, odd_proxy: Proxied) -> None:
    store = open_store(odd_bucket.url)
    odd_bucket.put("stage/a")
    odd_proxy.tell(Fault("AccessDenied", kinds=("DELETE_MANY",)))
    with pytest.raises(StoreError) as raised:
        store.clear(f"{odd_bucket.url}/stage")
    assert str(raised.value) == f"{odd_bucket.url}/stage: access denied: the IAM action s3:DeleteObject is not allowed"


@pytest.mark.parametrize("encryption", ["AES256", "aws:kms", "aws:kms:dsse"])
def test_what_is_written_is_encrypted_as_the_user_said(odd_bucket: Bucket, small_parts: None, encryption: str) -> None:
    key = None if encryption == "AES256" else "arn:aws:kms:eu-central-1:111122223333:key/1"
    store = open_store(odd_bucket.url, Access(encryption=encryption, kms_key_id=key))
    store.put(f"{odd_bucket.url}/put", b"a")
    store.swap(f"{odd_bucket.url}/swapped", None, b"a")
    store.put(f"{odd_bucket.url}/small", b"a")
    store.put(f"{odd_bucket.url}/large", LARGE)
    for name in ("small", "large"):
        store.move(f"{odd_bucket.url}/{name}", f"{odd_bucket.url}/moved-{name}")
    names = odd_bucket.keys()
    for name in names:
        head = odd_bucket.client.head_object(Bucket=odd_bucket.name, Key=name)
        assert (name, head["ServerSideEncryption"]) == (name, encryption)
        assert head.get("SSEKMSKeyId", key) == key  # moto forgets it of some
    assert names == ["moved-large", "moved-small", "put", "swapped"]


@pytest.mark.parametrize(
    "faults",
    [
        (),
        (Fault("lost", kinds=("CREATE", "SWAP", "DELETE"), share=0.3),),
        (Fault("SlowDown", kinds=("CREATE", "SWAP", "DELETE", "GET"), share=0.3, done=True),),
        (Fault("ConditionalRequestConflict", kinds=("CREATE", "SWAP"), share=0.3),),
    ],
)
def test_the_lock_lets_one_run_in_at_a_time_and_each_in_the_end(
    proxy: Proxied, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, faults: tuple[Fault, ...]
) -> None:
    store = open_store(bucket.url)
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.02)
    proxy.tell(*faults)
    held: list[str] = []
    log: list[tuple[str, list[str]]] = []

    def run(name: str) -> None:
        with lock.locked(store, name, wait=True, say=lambda _: None) as mine:
            held.append(name)
            log.append((name, list(held)))
            mine.check()
            held.remove(name)

    store.exists(bucket.url)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(run, [f"run-{number}" for number in range(8)]))
    assert sorted(log) == [(f"run-{number}", [f"run-{number}"]) for number in range(8)]
    proxy.tell()
    assert bucket.keys() == []


def test_a_lock_that_was_lost_is_found_out_in_s3(bucket: Bucket) -> None:
    with lock.locked(open_store(bucket.url), "mine", wait=False, say=lambda _: None) as mine:
        mine.check()
        bucket.client.delete_object(Bucket=bucket.name, Key=lock.PATH)
        with pytest.raises(LockLost, match="is gone: another run took over and ended, or somebody deleted it"):
            mine.check()
    assert bucket.keys() == []
