"""HTTP/1.1 that waits neither for the head of a request nor for a reader without end.

uvicorn closes connections that are idle between requests, but one that sends its first head a byte
a minute, goes on with a body that was answered already, or never reads its answer, stays (slow
loris). Each of these gets a clock here. And it takes any number of connections that ask nothing.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def timed_protocol(
    header_seconds: float, send_seconds: float, connections: int
) -> type[H11Protocol]:
    """Return a protocol whose clients have so long to send a head, and to take a piece of an
    answer; those who come beside so many open connections are cut off."""

    class TimedProtocol(H11Protocol):
        _head: asyncio.TimerHandle | None = None
        _reader: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > connections:
                self._abort()
                return
            transport.set_write_buffer_limits(0)  # `pause_writing` at the first byte that waits
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget_head()
            self._forget_reader()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
                self._forget_head()  # a request is being answered
            elif self._head is None:  # uvicorn's own clock ended with these bytes
                self._await_head()

        def send_400_response(self, msg: str) -> None:
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                super().send_400_response(msg)
            else:  # what is no HTTP stands in a body that was answered already
                self._abort()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reader = self._reader or self.loop.call_later(send_seconds, self._abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._forget_reader()

        def _await_head(self) -> None:
            self._head = self.loop.call_later(header_seconds, self._abort)

        def _forget_head(self) -> None:
            if self._head is not None:
                self._head.cancel()
                self._head = None

        def _forget_reader(self) -> None:
            if self._reader is not None:
                self._reader.cancel()
                self._reader = None

        def _abort(self) -> None:
            if self.transport is not None:
                self.transport.abort()

    return TimedProtocol
