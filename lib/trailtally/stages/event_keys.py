"""The key of an event: 128 bits that find its duplicates within its account and day, and its slice."""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bits = npt.NDArray[np.uint64]

_UUID = 36
_DASHES = np.array([8, 13, 18, 23])
_DIGITS = np.array([i for i in range(_UUID) if i not in set(_DASHES.tolist())])
_NO_DIGIT = 255
_NIBBLES = np.full(256, _NO_DIGIT, np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
_STEP = 100_000  # rows whose keys are computed together


def event_keys(event_ids: pa.Array, content_hashes: pa.Array, replaced_ids: pa.Array) -> tuple[Bits, Bits]:
    """Return the high and the low 64 bits of each row's key.

    The key is the eventID that the record replaces, else its own, else the hash of its content. A UUID as CloudTrail writes it
    is its own 128 bits; any other text is hashed.
    """
    names = event_ids
    if content_hashes.null_count < len(names):
        marked = pc.binary_join_element_wise(pa.scalar("\0"), content_hashes.cast(pa.string()), "")
        names = pc.coalesce(names, marked)
    if replaced_ids.null_count < len(names):
        names = pc.coalesce(replaced_ids.cast(pa.string()), names)
    high, low = np.empty(len(names), np.uint64), np.empty(len(names), np.uint64)
    for start in range(0, len(names), _STEP):
        piece = names.slice(start, _STEP)
        high[start : start + len(piece)], low[start : start + len(piece)] = _keys(piece)
    return high, low


def _keys(names: pa.Array) -> tuple[Bits, Bits]:
    is_uuid = pc.fill_null(pc.equal(pc.binary_length(names), _UUID), fill_value=False).to_numpy(zero_copy_only=False)
    bits = np.zeros((len(names), 2), np.uint64)
    uuids = names if is_uuid.all() else names.filter(pa.array(is_uuid))
    if len(uuids):
        uuids = pa.concat_arrays([uuids])  # its bytes begin at its own first row
        data = np.frombuffer(uuids.buffers()[2], np.uint8)
        first = np.frombuffer(uuids.buffers()[1], np.int32)[uuids.offset]
        characters = data[first : first + len(uuids) * _UUID].reshape(-1, _UUID)
        nibbles = _NIBBLES[characters[:, _DIGITS]]
        good = (characters[:, _DASHES] == ord("-")).all(axis=1) & (nibbles != _NO_DIGIT).all(axis=1)
        packed = (nibbles[:, 0::2] << 4) | nibbles[:, 1::2]
        bits[is_uuid] = np.ascontiguousarray(packed).view(">u8").astype(np.uint64)
        is_uuid[np.flatnonzero(is_uuid)[~good]] = False
    if not is_uuid.all():
        others = (name or "" for name in names.filter(pa.array(~is_uuid)).to_pylist())
        digests = b"".join(hashlib.blake2b(name.encode(), digest_size=16).digest() for name in others)
        bits[~is_uuid] = np.frombuffer(digests, np.uint64).reshape(-1, 2)
    return bits[:, 0], bits[:, 1]


def slice_bits(high: Bits) -> Bits:
    """Return evenly distributed bits of the keys; the first ones are the bits of the slice."""
    mixed = (high ^ (high >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def in_slice(bits: Bits, prefix: str) -> npt.NDArray[np.bool_]:
    """Return which rows belong to the slice with these bits, a text of 0 and 1."""
    if not prefix:
        return np.ones(len(bits), np.bool_)
    found: npt.NDArray[np.bool_] = (bits >> np.uint64(64 - len(prefix))) == np.uint64(int(prefix, 2))
    return found
