"""HTTP/1.1 on a connection, as bytes that can be passed on as they are."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

PIECE = 1 << 16


class Message(NamedTuple):
    """A request or a response up to its body."""

    raw: bytes
    start: list[str]
    headers: dict[str, str]

    @property
    def length(self) -> int | None:
        """The bytes of the body; None where it is chunked, or ends with the connection."""
        if self.chunked:
            return None
        return int(self.headers["content-length"]) if "content-length" in self.headers else None

    @property
    def chunked(self) -> bool:
        return self.headers.get("transfer-encoding", "").lower() == "chunked"


@dataclass
class Stream:
    """Both directions of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> Message:
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        return Message(raw, first.split(" ", 2), headers)

    async def body(self, message: Message, length: int | None) -> AsyncIterator[bytes]:
        """The body's bytes as they come, the frames of chunks too."""
        if message.chunked:
            size = 1
            while size:
                line = await self.reader.readuntil(b"\r\n")
                yield line
                size = int(line.split(b";")[0], 16)
                async for piece in self._exactly(size + 2 if size else 0):
                    yield piece
            line = b""
            while line != b"\r\n":
                line = await self.reader.readuntil(b"\r\n")
                yield line
        elif length is not None:
            async for piece in self._exactly(length):
                yield piece
        else:
            while piece := await self.reader.read(PIECE):
                yield piece

    async def _exactly(self, length: int) -> AsyncIterator[bytes]:
        while length > 0:
            piece = await self.reader.read(min(PIECE, length))
            if not piece:
                raise ConnectionError
            length -= len(piece)
            yield piece

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Ends the connection by RST, not by FIN."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
