"""An endpoint that does not mean well: it redirects, it does not end, it lies about sizes. Each ends with one line."""

import contextlib
import re
import threading
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from trailtally.errors import Unreadable
from trailtally.storage import Access, Store, StoreError, clients, open_store

MB = 1 << 20
OBJECT = {"ETag": '"tag"', "Last-Modified": "Mon, 09 Mar 2026 14:13:26 GMT"}

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Liar:
    """A server that answers as it is told to, and keeps what it was sent."""

    url: str = ""
    answer: Answer | None = None
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0


@contextlib.contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Liar]:
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet: the second of two waits for 40 ms

        def do_GET(self) -> None:
            liar.headers.append({name.lower(): value for name, value in self.headers.items()})
            with contextlib.suppress(ConnectionError):
                assert liar.answer
                liar.answer(self)

        do_PUT = do_DELETE = do_HEAD = do_POST = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None: ...  # who was answered too much hangs up

    server = Server((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    liar.url = f"http://{host}:{server.server_port}"
    try:
        yield liar
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def liar() -> Iterator[Liar]:
    with serving() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[Liar]:
    """Another host, whose answer is an object."""
    with serving("127.0.0.2") as server:
        server.answer = giving(b"from elsewhere")
        yield server


@pytest.fixture(params=[None, "session-token"])
def keys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The keys of a user, and those of a role, which have a session token."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    if request.param:
        monkeypatch.setenv("AWS_SESSION_TOKEN", request.param)
    clients._session.cache_clear()
    yield
    clients._session.cache_clear()


@pytest.fixture
def store(liar: Liar, keys: None) -> Store:
    return open_store("s3://bucket/logs", Access(endpoint_url=liar.url, region="eu-central-1"))


def send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def giving(body: bytes, length: int | None = None) -> Answer:
    said = str(len(body) if length is None else length)
    return lambda handler: send(handler, 200, OBJECT | {"Content-Length": said}, body)


def redirecting(url: str, status: int) -> Answer:
    return lambda handler: send(handler, status, {"Location": f"{url}{handler.path}", "Content-Length": "0"})


def endless(handler: BaseHTTPRequestHandler) -> None:
    send(handler, 200, OBJECT | {"Transfer-Encoding": "chunked"})
    with contextlib.suppress(ConnectionError):
        while True:
            handler.wfile.write(b"%x\r\n%b\r\n" % (MB, bytes(MB)))


# --- Redirects ---


CALLS: dict[str, Callable[[Store], Any]] = {
    "read": lambda store: store.read("s3://bucket/logs/a"),
    "get": lambda store: store.get("s3://bucket/logs/a"),
    "put": lambda store: store.put("s3://bucket/logs/a", b"data"),
    "swap": lambda store: store.swap("s3://bucket/logs/a", None, b"data"),
    "delete": lambda store: store.delete("s3://bucket/logs/a"),
    "move": lambda store: store.move("s3://bucket/logs/a", "s3://bucket/logs/b"),
    "list": lambda store: list(store.list_tree("s3://bucket/logs")),
    "reached": lambda store: store.reached(),
}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_redirect_to_another_host_is_not_followed(
    liar: Liar, elsewhere: Liar, store: Store, call: Callable[[Store], Any], status: int
) -> None:
    liar.answer = redirecting(elsewhere.url, status)
    with pytest.raises((StoreError, Unreadable)) as raised:
        call(store)
    assert "\n" not in str(raised.value)
    assert elsewhere.headers == []


def test_a_redirect_to_another_port_is_not_followed_with_a_session_token(
    liar: Liar, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as other:
        other.answer = giving(b"from elsewhere")
        liar.answer = redirecting(other.url, 307)
        with contextlib.suppress(Unreadable, StoreError):
            store.read("s3://bucket/logs/a")
        assert [headers for headers in other.headers if {"authorization", "x-amz-security-token"} & headers.keys()] == []


def test_amazons_own_endpoint_is_read_fast_with_a_session_token(keys: None) -> None:
    assert clients.fast_store(Access(region="eu-central-1"), "bucket") is not None


@pytest.mark.parametrize("excluded", [True, False])
def test_a_proxy_of_the_environment_is_left_to_boto3_where_the_endpoint_is_not_amazons(
    monkeypatch: pytest.MonkeyPatch, excluded: bool
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1" if excluded else "")
    access = Access(endpoint_url="http://127.0.0.1:1234", region="eu-central-1", unsigned=True)
    assert (clients.fast_store(access, "bucket") is not None) is excluded


# --- Sizes ---


def test_a_body_of_usual_size_is_read(liar: Liar, store: Store) -> None:
    liar.answer = giving(b"content")
    assert store.read("s3://bucket/logs/a", limit=7, size=7) == (b"content", "tag")
    assert store.get("s3://bucket/logs/a", limit=7) == b"content"


@pytest.mark.parametrize("answer", [endless, giving(b"x", 10**18), giving(b"x", 10**30)], ids=["endless", "10^18", "10^30"])
@pytest.mark.parametrize("key", ["a", "b//c"])
def test_a_body_above_the_limit_is_unreadable_and_not_held(liar: Liar, store: Store, answer: Answer, key: str) -> None:
    liar.answer = answer
    with contextlib.suppress(Unreadable):
        store.read(f"s3://bucket/logs/{key}", limit=1)  # loads boto3
    tracemalloc.start()
    with pytest.raises(Unreadable, match=f"^larger than {4 * MB} bytes$"):
        store.read(f"s3://bucket/logs/{key}", limit=4 * MB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * MB
    with pytest.raises(StoreError, match=f"^s3://bucket/logs/{key}: larger than 10 bytes, which no object of its kind is$"):
        store.get(f"s3://bucket/logs/{key}", limit=10)


def test_the_rest_of_a_body_that_broke_off_is_no_longer_than_it_was_said_to_be(liar: Liar, store: Store) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if "Range" in handler.headers:
            said = {"Content-Range": "bytes 500-999/1000", "Content-Length": str(50 * MB)}
            send(handler, 206, OBJECT | said, bytes(50 * MB))
        else:
            send(handler, 200, OBJECT | {"Content-Length": "1000"}, bytes(500))
            handler.close_connection = True

    liar.answer = answer
    with pytest.raises(Unreadable, match=r"^(larger than 2000 bytes$|the answer broke off)"):
        store.read("s3://bucket/logs/a", limit=2000)


def test_a_body_larger_than_it_was_listed_is_unreadable(liar: Liar, store: Store) -> None:
    liar.answer = giving(bytes(101))
    with pytest.raises(Unreadable, match=r"^larger than the 100 bytes that it was listed with: it changes while it is read$"):
        store.read("s3://bucket/logs/a", limit=1000, size=100)
    assert store.read("s3://bucket/logs/a", limit=1000, size=101)[0] == bytes(101)


# --- Listings ---


def listing(page: Callable[[int, str], str]) -> Answer:
    """An endpoint whose listing has these pages; each is made of its number and of the prefix asked for."""
    numbers = iter(range(10**6))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        prefix = parse_qs(urlsplit(handler.path).query).get("prefix", [""])[0]
        body = f"<ListBucketResult>{page(next(numbers), prefix)}</ListBucketResult>".encode()
        send(handler, 200, {"Content-Length": str(len(body)), "Content-Type": "application/xml"}, body)

    return answer


def contents(key: str) -> str:
    return f"<Contents><Key>{key}</Key><Size>1</Size><ETag>tag</ETag></Contents>"


def more(token: object) -> str:
    return f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"


LISTINGS = {
    "same token": (lambda n, _: contents(f"logs/{n:09}") + more("t"), "the same NextContinuationToken comes again"),
    "two tokens": (lambda n, _: contents(f"logs/{n:09}") + more(n % 2), "the same NextContinuationToken comes again"),
    "same page": (lambda n, _: contents("logs/a") + more(n), "a page repeats what was listed before"),
    "no token": (
        lambda *_: contents("logs/a") + "<IsTruncated>true</IsTruncated>",
        "the answer says that there is more, and not",
    ),
    "empty pages": (lambda n, _: more(n), "1000 empty pages"),
}


@pytest.mark.parametrize(("page", "what"), LISTINGS.values(), ids=LISTINGS.keys())
def test_a_listing_that_does_not_end_is_one_line(liar: Liar, store: Store, page: Callable[[int, str], str], what: str) -> None:
    liar.answer = listing(page)
    with pytest.raises(StoreError) as raised:
        list(store.list_tree("s3://bucket/logs"))
    assert re.match(rf"^s3://bucket/logs: the listing does not end: {what}.*\. Is --endpoint-url right\?$", str(raised.value))


def test_folders_in_folders_for_ever_end_with_one_line(liar: Liar, store: Store) -> None:
    liar.answer = listing(lambda _, prefix: f"<CommonPrefixes><Prefix>{prefix}folder/</Prefix></CommonPrefixes>")
    folders = ["s3://bucket/logs"]

    def walk() -> None:
        for folder in folders:  # grows
            folders.extend(store.folders_to_enter(folder) or [])

    with pytest.raises(StoreError, match="the listing does not end: folders in folders, to a name of more than 1024 bytes"):
        walk()
    assert len(folders) < 200


@pytest.mark.parametrize("body", ["<Contents><Size>1</Size></Contents>", "<Contents><Key>logs/a</Key></Contents>", "<<"])
def test_an_answer_that_is_no_listing_is_one_line(liar: Liar, store: Store, body: str) -> None:
    liar.answer = listing(lambda *_: body)
    with pytest.raises(StoreError, match=r"^s3://bucket/logs: [^\n]+$"):
        list(store.list_tree("s3://bucket/logs"))


def test_a_listing_whose_entities_grow_to_gigabytes_is_one_line(liar: Liar, store: Store) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 20}">' for n in range(1, 9))
    body = f'<!DOCTYPE l [<!ENTITY e0 "0123456789">{entities}]><ListBucketResult>&e8;</ListBucketResult>'.encode()
    liar.answer = lambda handler: send(handler, 200, {"Content-Length": str(len(body)), "Content-Type": "application/xml"}, body)
    tracemalloc.start()
    try:
        with pytest.raises(StoreError, match=r"^s3://bucket/logs: [^\n]+$"):
            list(store.list_tree("s3://bucket/logs"))
        assert tracemalloc.get_traced_memory()[1] < 100 * MB
    finally:
        tracemalloc.stop()


# --- What travels, and what is shown ---


def test_an_endpoint_with_a_password_is_refused_without_showing_it(keys: None) -> None:
    access = Access(endpoint_url="http://user:hunter2@127.0.0.1:1", region="eu-central-1")
    with pytest.raises(StoreError) as raised:
        open_store("s3://bucket/logs", access).reached()
    assert str(raised.value) == "s3://bucket/logs: the endpoint's URL holds a user name or a password: give it without them"


@pytest.mark.parametrize(
    "url", ["user:hunter2@127.0.0.1:1", "http://user:hunter2/@127.0.0.1:1", "http://user:hunter2#@127.0.0.1"]
)
def test_an_endpoint_with_a_password_that_is_no_url_is_refused_without_showing_it(keys: None, url: str) -> None:
    with pytest.raises(StoreError) as raised:
        open_store("s3://bucket/logs", Access(endpoint_url=url, region="eu-central-1")).reached()
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_a_region_that_an_endpoint_names_is_taken_only_by_its_form(liar: Liar, store: Store) -> None:
    liar.answer = lambda handler: send(
        handler, 200, {"Content-Length": "20", "x-amz-bucket-region": "evil.example/#"}, b"<ListBucketResult/> "
    )
    assert vars(store.reached())["access"] == Access(endpoint_url=liar.url, region="eu-central-1")
