"""Stores of objects: a folder of this machine, or a prefix of an S3 bucket. Nothing else in trailtally knows which kind it is."""

from trailtally.storage.access import Access
from trailtally.storage.objects import GONE, Entry, Peek, StoreError, key_of, os_error_text, path_of
from trailtally.storage.store import GET_LIMIT, READ_LIMIT, Store, is_remote, location, open_store

__all__ = [
    "GET_LIMIT",
    "GONE",
    "READ_LIMIT",
    "Access",
    "Entry",
    "Peek",
    "Store",
    "StoreError",
    "is_remote",
    "key_of",
    "location",
    "open_store",
    "os_error_text",
    "path_of",
]
