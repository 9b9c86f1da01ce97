"""What a compare-and-swap of a small object comes to, in whichever store: what is there, was expected, is to be."""

# And what is there then.
DONE: list[tuple[bytes | None, bytes | None, bytes | None, bytes | None]] = [
    (None, None, b"new", b"new"),  # made
    (b"old", b"old", b"new", b"new"),  # replaced
    (b"", b"", b"new", b"new"),  # an empty object is one
    (b"old", b"old", b"old", b"old"),
    (b"old", b"old", None, None),  # removed
    (None, None, None, None),
]

REFUSED: list[tuple[bytes | None, bytes | None, bytes | None]] = [
    (b"other", None, b"new"),
    (b"other", None, None),
    (b"other", b"old", b"new"),
    (b"other", b"old", None),
    (b"other", b"other and more", b"new"),
    (b"", None, b"new"),
    (None, b"old", b"new"),
    (None, b"old", None),
    (None, b"", b"new"),
]
