"""What a request may ask for, and how long it may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Attributes:
        body: bytes of a request's body.
        rows: of one request.
        length: characters of one text.
        queue: rows that wait for the model; a request that finds no room is refused.
        connections: open at once.
        header_seconds: until the head of a request is there.
        body_seconds: until its body is there.
        answer_seconds: until its scores are there.
        send_seconds: until the client has taken a piece of the answer.
        drain_seconds: for what was accepted, when the server is stopped.
    """

    body: int = 1 << 20
    rows: int = 256
    length: int = 10_000
    queue: int = 2048
    connections: int = 1024
    header_seconds: float = 10.0
    body_seconds: float = 20.0
    answer_seconds: float = 30.0
    send_seconds: float = 20.0
    drain_seconds: float = 30.0
