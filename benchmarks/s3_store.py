"""A generated tree in a bucket of an S3 server of this machine, where each request waits: S3, as far as waiting goes.

The server, and the proxy that delays requests, are those of the tests (tests/s3).
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from obstore.store import S3Store

from commands import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tests"))  # no package that is installed

from s3 import servers
from s3.fault import DELAY, Fault
from s3.proxied import Proxied, proxied
from s3.servers import REGION, Keys, Server

TREE = "tree"  # the prefix of the tree in the bucket
GETS_TO_TRY, CLIENTS_TO_TRY = 3_000, 128


class Bucket(NamedTuple):
    """The bucket as jobs reach it, through the proxy, and the folder that the server keeps it in."""

    proxy: Proxied
    name: str
    folder: Path

    def url(self, prefix: str, scheme: str = "s3") -> str:
        """Return the URL of a prefix."""
        return f"{scheme}://{self.name}/{prefix}"

    def set_latency(self, seconds: float) -> None:
        """Let each request from now on wait for so many seconds."""
        self.proxy.tell(*([Fault(DELAY, seconds=seconds)] if seconds else []))


def environment(url: str, keys: Keys) -> dict[str, str]:
    """Return the variables with which a process reaches the S3 at this URL, and no other."""
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    signed = {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key, "AWS_REGION": REGION}
    return {**nothing, **signed, "AWS_ENDPOINT_URL_S3": url}


def fresh_keys() -> Keys:
    """Return keys that only this run uses."""
    return Keys(secrets.token_hex(8), secrets.token_hex(16))


@contextlib.contextmanager
def serve_tree(tree: Path, work: Path, seconds: float) -> Iterator[Bucket]:
    """Yield a bucket with the files of the tree, where each request waits for so many seconds. It is removed with the block."""
    program = servers.versitygw_program()
    if program is None:
        sys.exit("versitygw is not installed: make servers")
    keys, port = fresh_keys(), servers.free_port()
    server = Server(f"http://127.0.0.1:{port}", *keys)
    with TemporaryDirectory(prefix="s3-", dir=work) as root:
        address = ["--port", f"127.0.0.1:{port}", "--region", REGION]
        command = [program, *address, "--quiet", "--keep-alive", "posix", root]
        variables = os.environ | {"ROOT_ACCESS_KEY": keys.access_key, "ROOT_SECRET_KEY": keys.secret_key}
        with servers.running(command, variables, server.url), proxied(server) as proxy:
            bucket = servers.fresh_bucket(server).name
            folder = Path(root) / bucket
            _fill(folder / TREE, tree)
            served = Bucket(proxy, bucket, folder)
            served.set_latency(seconds)
            yield served


@contextlib.contextmanager
def list_server(files: int, seconds: float) -> Iterator[str]:
    """Yield the URL of an S3 that has the keys of so many files and nothing more (list_server.py). It ends with the block."""
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(REPOSITORY / "benchmarks/list_server.py"), str(port), str(files), str(seconds)]
    with servers.running(command, os.environ, f"{url}/_seen"):
        yield url


def _fill(folder: Path, tree: Path) -> None:
    """Link the tree's files where versitygw looks for them: to send them would take longer than to read them."""
    shutil.copytree(tree, folder, copy_function=os.link)
    for path in folder.rglob("*.gz"):
        set_e_tag(path)


def set_e_tag(path: Path) -> None:
    """Make a file that was written into the server's folder an object with an e_tag."""
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    os.setxattr(path, "user.etag", f'"{digest}"'.encode())


def gets_a_second(bucket: Bucket) -> float:
    """Return how many objects the server, the proxy and a client can move in a second here: no job can fetch more."""
    proxy = bucket.proxy
    reader = S3Store(
        bucket.name,
        endpoint=proxy.url,
        region=REGION,
        access_key_id=proxy.access_key,
        secret_access_key=proxy.secret_key,
        client_options={"allow_http": True},
    )
    paths = sorted((bucket.folder / TREE).rglob("*.gz"))[:GETS_TO_TRY]
    start = time.monotonic()
    with ThreadPoolExecutor(CLIENTS_TO_TRY) as threads:
        list(threads.map(lambda path: reader.get(str(path.relative_to(bucket.folder))).bytes(), paths))
    return len(paths) / (time.monotonic() - start)
