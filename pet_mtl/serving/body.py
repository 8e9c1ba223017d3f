"""The body of a request, read within its limits."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from pet_mtl.serving.api_error import ApiError
from pet_mtl.serving.limits import Limits

_READ_ON = 16 << 20  # bytes of a body that is too large: a client that still sends reads no answer


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body of a request.

    Raises:
        ApiError: 413, it is too large; 408, it came too slowly.
        ClientDisconnect: nobody waits for an answer.
    """
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read(request, limits.body)
    except TimeoutError:
        raise ApiError(
            408,
            "too_slow",
            f"the body was not there within {limits.body_seconds:g} s",
            headers={"Connection": "close"},
        ) from None


async def _read(request: Request, most: int) -> bytes:
    announced = request.headers.get("content-length", "")
    large = announced.isdecimal() and int(announced[:20]) > most
    if large and "expect" in request.headers:  # the client waits before it sends the body
        raise _too_large(most)
    pieces, size = [], 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        size += len(piece)
        large = large or size > most
        if not large:
            pieces.append(piece)
        elif size > _READ_ON:
            raise _too_large(most)
        else:
            pieces.clear()
        if not message.get("more_body", False):
            break
    if large:
        raise _too_large(most)
    return b"".join(pieces)


def _too_large(most: int) -> ApiError:
    return ApiError(
        413,
        "body_too_large",
        f"the body has more than {most:,} bytes",
        hint="send the rows in several requests",
        headers={"Connection": "close"},
    )
