"""A made tree in a bucket of an S3 server of this machine, each of whose requests waits: S3, as far as waiting goes.

The server and the proxy that lets requests wait are those of the tests (tests/s3).
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

from measure import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tests"))  # no package that is installed

from s3 import servers
from s3.fault import DELAY, Fault
from s3.proxied import Proxied, proxied
from s3.servers import REGION, Keys, Server

TREE = "tree"  # how the keys begin that the tree has in the bucket
GETS_TO_TRY, CLIENTS_TO_TRY = 3_000, 128


class Store(NamedTuple):
    """The bucket as jobs reach it, through the proxy, and the folder that the server keeps it in."""

    proxy: Proxied
    bucket: str
    folder: Path


def environment(url: str, keys: Keys) -> dict[str, str]:
    """What a process needs to reach the S3 at this URL, and no other."""
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    signed = {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key, "AWS_REGION": REGION}
    return {**nothing, **signed, "AWS_ENDPOINT_URL_S3": url}


def made_keys() -> Keys:
    """Keys that are good for this run alone."""
    return Keys(secrets.token_hex(8), secrets.token_hex(16))


@contextlib.contextmanager
def store(tree: Path, work: Path, seconds: float) -> Iterator[Store]:
    """A bucket with the files of the tree, each request to which waits for so many seconds. It goes with the block."""
    program = servers.versitygw_program()
    if program is None:
        sys.exit("versitygw is not here: make servers")
    keys, port = made_keys(), servers.free_port()
    server = Server(f"http://127.0.0.1:{port}", *keys)
    with TemporaryDirectory(prefix="s3-", dir=work) as root:
        address = ["--port", f"127.0.0.1:{port}", "--region", REGION]
        command = [program, *address, "--quiet", "--keep-alive", "posix", root]
        variables = os.environ | {"ROOT_ACCESS_KEY": keys.access_key, "ROOT_SECRET_KEY": keys.secret_key}
        with servers.running(command, variables, server.url), proxied(server) as proxy:
            bucket = servers.fresh_bucket(server).name
            folder = Path(root) / bucket
            _fill(folder / TREE, tree)
            proxy.tell(Fault(DELAY, seconds=seconds))
            yield Store(proxy, bucket, folder)


@contextlib.contextmanager
def list_server(files: int, seconds: float) -> Iterator[str]:
    """The URL of an S3 that has the keys of so many files and nothing more (list_server.py). It goes with the block."""
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(REPOSITORY / "benchmarks/list_server.py"), str(port), str(files), str(seconds)]
    with servers.running(command, os.environ, f"{url}/_seen"):
        yield url


def _fill(folder: Path, tree: Path) -> None:
    """Puts the tree's files where versitygw looks for them. To send them would take longer than to read them."""
    shutil.copytree(tree, folder, copy_function=os.link)
    for path in folder.rglob("*.gz"):
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        os.setxattr(path, "user.etag", f'"{digest}"'.encode())


def gets_a_second(store: Store) -> float:
    """How many objects this machine's server, proxy and a client can move in a second: more than this no job can."""
    proxy = store.proxy
    reader = S3Store(
        store.bucket,
        endpoint=proxy.url,
        region=REGION,
        access_key_id=proxy.access_key,
        secret_access_key=proxy.secret_key,
        client_options={"allow_http": True},
    )
    paths = sorted((store.folder / TREE).rglob("*.gz"))[:GETS_TO_TRY]
    start = time.monotonic()
    with ThreadPoolExecutor(CLIENTS_TO_TRY) as threads:
        list(threads.map(lambda path: reader.get(str(path.relative_to(store.folder))).bytes(), paths))
    return len(paths) / (time.monotonic() - start)
