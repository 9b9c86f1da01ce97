"""Of the records with one key one is the event, whichever order they come in; and what a key is."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from builders import ACCOUNT, OTHER_ACCOUNT, key
from trailtally.stages.columns import ROWS
from trailtally.stages.event_keys import event_keys, in_slice, slice_bits
from trailtally.stages.preference import event_order

NOON = 1_773_057_600_000_000
UUIDS = [f"{n:08x}-1234-4abc-8def-0123456789ab" for n in range(1000)]


def row(event_id: str | None = "e1", **fields: Any) -> dict[str, Any]:
    usual = {
        "event_id": event_id,
        "event_time": NOON,
        "account_id": ACCOUNT,
        "region": "us-east-1",
        "event_source": "ec2.amazonaws.com",
        "event_name": "DescribeInstances",
        "file_key": f"/tree/{key('a')}",
    }
    return usual | fields


def events(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that are events, in the order in which they are stored. The order of what comes in does not matter."""
    found = []
    for order in itertools.permutations(rows):
        table = pa.table({f.name: pa.array([r.get(f.name) for r in order], _plain(f.type)) for f in ROWS})
        table = pa.table({f.name: _encoded(table[f.name], f.type) for f in ROWS}).combine_chunks()
        place, is_event = event_order(table)
        found.append([order[n] for n, kept in zip(place.tolist(), is_event.tolist(), strict=True) if kept])
    assert all(one == found[0] for one in found)
    return found[0]


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _encoded(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column.dictionary_encode() if pa.types.is_dictionary(kind) else column


UPDATE = {"event_id": "u1", "replaces_event_id": "e1"}
FOREIGN = {"file_key": f"/tree/{key('b', account=OTHER_ACCOUNT)}"}


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([row(), row()], [row()]),
        ([row(), row(file_key=f"/tree/{key('b')}")], [row()]),  # the lowest file
        ([row(), row(event_time=NOON + 5)], [row()]),  # the earlier
        ([row(), row(region="eu-west-1")], [row(region="eu-west-1")]),  # the lower content
        ([row(), row(account_id=OTHER_ACCOUNT)], [row(), row(account_id=OTHER_ACCOUNT)]),  # another account's event
        ([row(), row("e2")], None),
        # A record of the account's own folder before one from another's, though it is earlier.
        ([row(), row(event_time=NOON - 5, **FOREIGN)], [row()]),
        # An update before what it replaces, though it is later.
        ([row(), row(event_time=NOON + 5, **UPDATE)], [row(event_time=NOON + 5, **UPDATE)]),
        ([row(**UPDATE)], [row(**UPDATE)]),  # what it replaces never came
        # It replaces nothing where it cannot be the same event: it is one by itself.
        ([row(), row(event_name="GetObject", **UPDATE)], None),
        ([row(), row(event_source="s3.amazonaws.com", **UPDATE)], None),
        ([row(), row(**UPDATE, **FOREIGN)], None),
        # Without an eventID, the content tells.
        ([row(None, content_hash="a"), row(None, content_hash="a")], [row(None, content_hash="a")]),
        ([row(None, content_hash="a"), row(None, content_hash="b")], None),
        ([row("a"), row(None, content_hash="a")], None),  # a hash is no eventID
    ],
)
def test_which_record_is_the_event_depends_on_the_records_alone(
    rows: list[dict[str, Any]], kept: list[dict[str, Any]] | None
) -> None:
    found = events(*rows)
    assert sorted(map(str, found)) == sorted(map(str, rows if kept is None else kept))


def test_rows_are_stored_by_account_region_and_time() -> None:
    rows = [
        row("e1", account_id=OTHER_ACCOUNT),
        row("e2", region="eu-west-1", event_time=NOON + 5),
        row("e3", region="eu-west-1"),
        row("e4"),
    ]
    assert [one["event_id"] for one in events(*rows)] == ["e3", "e2", "e4", "e1"]


def keys_of(ids: list[str | None]) -> list[tuple[int, int]]:
    nothing = pa.nulls(len(ids), pa.string())
    high, low = event_keys(pa.array(ids, pa.string()), nothing, nothing)
    return list(zip(high.tolist(), low.tolist(), strict=True))


def test_a_uuid_is_its_own_key_and_any_other_text_is_hashed() -> None:
    assert keys_of(["00000000-0000-0001-0000-000000000002"]) == [(1, 2)]
    odd = ["e1", "", "00000000-0000-0001-0000-00000000000g", "00000000000000010000000000000002", UUIDS[0].upper(), "é" * 18]
    assert len({*keys_of([*odd, *UUIDS])}) == len(odd) + len(UUIDS)
    # A key does not depend on its neighbours.
    assert [keys_of([name])[0] for name in odd] == keys_of([*odd, *UUIDS])[: len(odd)]


def test_slices_are_about_even_and_each_key_is_in_one() -> None:
    high = np.array([one for one, _ in keys_of(list(UUIDS))], np.uint64)
    bits = slice_bits(high)
    prefixes = ["00", "01", "10", "11"]
    masks = np.array([in_slice(bits, prefix) for prefix in prefixes])
    assert (masks.sum(axis=0) == 1).all()
    assert (masks.sum(axis=1) > 200).all()
    assert (in_slice(bits, "0") == masks[0] | masks[1]).all()
    assert in_slice(bits, "").all()
