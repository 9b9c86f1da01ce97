"""A reverse proxy before an S3 server that lets things go wrong, counts the calls and holds them to a policy.

Run as a process of its own (proxied.py). Headers pass as they are, Host too, so that signatures stay valid. Path /_proxy is its
own: GET gives the calls, PUT sets faults and policy, DELETE forgets the calls.
"""

import asyncio
import contextlib
import dataclasses
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from s3.calls import Call, call_of, deletions
from s3.fault import ANSWERS, CUT, LOST, RESET, STALL, Answer, Fault, Plan, response
from s3.policy import permits
from s3.wire import Message, Stream

HEAD_LIMIT = 1 << 18
BODYLESS = {204, 304}


class Closed(Exception):
    """The client's connection is to end now."""


@dataclass
class Proxy:
    """The server that is behind, and what is known so far."""

    host: str
    port: int
    region: str
    calls: list[Call] = field(default_factory=list)
    policy: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.plan = Plan([], 0, self.region)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All requests of one connection. The connection behind lives and ends with it."""
        client, server = Stream(reader, writer), None
        with contextlib.suppress(Closed, ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while True:
                request = await client.head()
                if request.start[1].startswith("/_proxy"):
                    await self._control(client, request)
                    continue
                if server is None or server.reader.at_eof():
                    server = Stream(*await asyncio.open_connection(self.host, self.port, limit=HEAD_LIMIT))
                await self._exchange(client, server, request)
        for stream in filter(None, [client, server]):
            stream.writer.close()

    async def _control(self, client: Stream, request: Message) -> None:
        body = b"".join([piece async for piece in client.body(request, request.length or 0)])
        said = b""
        if request.start[0] == "PUT":
            told = json.loads(body)
            faults = [Fault(**one | {"kinds": tuple(one["kinds"])}) for one in told["faults"]]
            self.plan, self.policy = Plan(faults, told["seed"], self.region), told["policy"]
        elif request.start[0] == "DELETE":
            self.calls = []
        else:
            said = json.dumps([dataclasses.asdict(call) for call in self.calls]).encode()
        await client.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)

    async def _exchange(self, client: Stream, server: Stream, request: Message) -> None:
        """One request and its answer. Raises Closed where no further request may come."""
        call = call_of(request.start[0], request.start[1], request.headers)
        seconds, fault = self.plan.turn(call)
        call.fault = fault.what if fault else ""
        self.calls.append(call)
        if seconds:
            await asyncio.sleep(seconds)
        await Exchange(client, server, request, call, fault, self).run()

    def permits(self, call: Call) -> bool:
        """Whether the policy allows the call."""
        policy = self.policy
        return policy is None or all(permits(policy, action, of, call.context) for action, of in call.permissions)

    def may_know(self, call: Call) -> bool:
        """Whether the policy lets the caller know that a key is missing: for this it must allow to list the bucket."""
        return self.policy is None or permits(self.policy, "s3:ListBucket", f"arn:aws:s3:::{call.bucket}", {})


@dataclass
class Exchange:
    """One request, which goes to the server or not, and its answer, which comes back or not."""

    client: Stream
    server: Stream
    request: Message
    call: Call
    fault: Fault | None
    proxy: Proxy

    async def run(self) -> None:
        """Raises Closed where no further request may come."""
        body = self._request_body()
        if self.call.kind == "DELETE_MANY":
            whole = b"".join([piece async for piece in body])
            self.call.permissions = deletions(self.call.bucket, whole)
            body = _pieces(whole)
        if refusal := self._refusal():
            # A client that waits for leave to send its body gets none.
            await self._answer(refusal, after=body if "expect" not in self.request.headers else _pieces())
        await self._pass_to_server(body)
        answer = await self.server.head()
        while answer.start[1].startswith("1"):
            answer = await self.server.head()
        bodyless = self.request.start[0] == "HEAD" or int(answer.start[1]) in BODYLESS
        length = 0 if bodyless else answer.length
        pieces = _pieces() if bodyless else self.server.body(answer, length)
        if replacement := self._replacement(int(answer.start[1])):
            await self._answer(replacement, after=pieces)
        if self.fault and self.fault.what == LOST:
            await _drain(pieces)
            self.client.reset()
            raise Closed
        await self._pass_to_client(answer, pieces, length)
        ends_with_connection = length is None and not answer.chunked
        if ends_with_connection or answer.start[0] == "HTTP/1.0" or answer.headers.get("connection", "").lower() == "close":
            raise Closed

    async def _request_body(self) -> AsyncIterator[bytes]:
        if "expect" in self.request.headers:
            await self.client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async for piece in self.client.body(self.request, self.request.length or 0):
            self.call.received += len(piece)
            yield piece

    def _refusal(self) -> Answer | None:
        """The answer to what the server is not asked."""
        if not self.proxy.permits(self.call):
            self.call.fault = "policy"
            return ANSWERS["AccessDenied"]
        return ANSWERS.get(self.fault.what) if self.fault and not self.fault.done else None

    def _replacement(self, status: int) -> Answer | None:
        """The answer in place of the server's."""
        if status == 404 and self.call.kind in {"GET", "HEAD"} and not self.proxy.may_know(self.call):
            self.call.fault = "policy"
            return ANSWERS["AccessDenied"]
        return ANSWERS.get(self.fault.what) if self.fault else None

    async def _answer(self, answer: Answer, *, after: AsyncIterator[bytes]) -> None:
        await _drain(after)
        self.call.status = answer.status
        await self.client.write(response(answer, self.call, self.proxy.region, body=self.request.start[0] != "HEAD"))
        raise Closed

    async def _pass_to_server(self, body: AsyncIterator[bytes]) -> None:
        await self.server.write(self.request.raw)
        async for piece in body:
            with contextlib.suppress(ConnectionError):  # it may have answered, and want no more
                await self.server.write(piece)

    async def _pass_to_client(self, answer: Message, pieces: AsyncIterator[bytes], length: int | None) -> None:
        """All of the answer, or as much as the fault lets through."""
        left = None  # bytes of the body until the fault
        if self.fault and self.fault.what in {RESET, CUT, STALL}:
            left = self.fault.after if self.fault.after is not None else (length or 0) // 2
            if length == 0:
                await self._hit(self.fault)
        self.call.status = int(answer.start[1])
        ahead = answer.raw
        async for piece in pieces:
            rest = piece
            if self.fault and left is not None and left <= len(piece):
                self.call.sent += left
                await self.client.write(ahead + piece[:left])
                await self._hit(self.fault)
                ahead, rest, left = b"", piece[left:], None
            elif left is not None:
                left -= len(piece)
            self.call.sent += len(rest)
            await self.client.write(ahead + rest)
            ahead = b""
        if ahead:
            await self.client.write(ahead)

    async def _hit(self, fault: Fault) -> None:
        if fault.what == STALL:
            await asyncio.sleep(fault.seconds)
            return
        await asyncio.sleep(0.02)  # a reset takes with it what the client has not read yet
        if fault.what == RESET:
            self.client.reset()
        raise Closed


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    async for _ in pieces:
        pass


async def main(port: int, server_port: int, region: str) -> None:
    """Serves until it is killed."""
    proxy = Proxy("127.0.0.1", server_port, region)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", port, limit=HEAD_LIMIT, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
