"""The request of a run: its arguments, their checks, and the stores that they name."""

import datetime as dt
from dataclasses import dataclass, field

from trailtally.errors import UsageError
from trailtally.stages.places import check_input_text
from trailtally.storage import Access, Store, key_of, open_store
from trailtally.tables import TABLES

MAX_FILE_BYTES = 512 << 20

# A killed backfill repeats one batch at most: some twenty minutes of work for two cores, one minute for forty.
BATCH_BYTES = 8 << 30

# Objects of S3 that a task fetches at a time: each waits some 30 ms (benchmarks/README.md).
FETCHES = 32

# A table of version 0.1, which is a view now: --rebuild removes it.
FORMER_TABLE = "sources"

# What an output may hold, beside what begins with a dot or an underscore.
TABLE_NAMES = frozenset({*(table.name for table in TABLES), FORMER_TABLE})


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of a run; paths are as typed."""

    inputs: list[str]
    output: str
    max_file_bytes: int = MAX_FILE_BYTES
    batch_bytes: int = BATCH_BYTES
    delivered_since: str | None = None
    rebuild: bool = False
    keep_records: bool = False
    accept_gone_history: bool = False
    wait_for_lock: bool = False
    fetches: int = FETCHES
    input_access: Access = field(default_factory=Access)
    output_access: Access = field(default_factory=Access)


@dataclass(frozen=True)
class Stores:
    """The stores of a run, whose region and endpoint are known (`Store.reached`)."""

    inputs: tuple[Store, ...]
    output: Store

    @property
    def are_amazons(self) -> bool:
        """Return whether the prices of all requests are known."""
        return all(store.is_amazons for store in (*self.inputs, self.output))


def open_stores(request: Request) -> Stores:
    """Return the stores of a request. Nothing is read or written yet.

    Raises:
        UsageError: An argument is not valid, or an input does not exist.
        StoreError: S3 cannot be reached, or refuses the request.
    """
    today = dt.datetime.now(dt.UTC).date().isoformat()
    if request.delivered_since and request.delivered_since > today:
        raise UsageError(f"--delivered-since {request.delivered_since}: this day is in the future, today is {today} (UTC)")
    for text in request.inputs:
        check_input_text(text)
    opened = [(text, open_store(text, request.input_access)) for text in request.inputs]
    output = open_store(request.output, request.output_access)
    if key_of(output.root) != output.root.replace("\\", "\\x5c"):
        raise UsageError(
            f"--output {key_of(output.root)}: its name is not UTF-8, which Athena and Spark cannot read. Give another name"
        )
    for _, store in opened:
        if _is_inside(output.root, store.root) or _is_inside(store.root, output.root):
            raise UsageError(
                f"--output {request.output}: it and --input {store.root} lie one inside the other. Give a separate folder"
            )
    roots = {store.root for _, store in opened}
    inputs = {}
    for text, store in opened:
        reached = _reached_input(text, store)  # also one that lies inside another: it may be mistyped
        if not any(_is_inside(store.root, other) for other in roots if other != store.root):
            inputs[store.root] = reached
    return Stores(tuple(inputs.values()), output.reached())


def _reached_input(text: str, store: Store) -> Store:
    reached = store.reached()
    if not reached.exists(reached.root):
        where = "" if text == reached.root else f" ({reached.root})"
        raise UsageError(f"--input {text}: no such file or folder{where}")
    return reached


def _is_inside(path: str, folder: str) -> bool:
    """Return whether the path is the folder or lies below it."""
    # Of local paths only the root ends in a slash; in S3 `logs/` is the prefix `logs//`.
    return path == folder or path.startswith("/" if folder == "/" else f"{folder}/")
