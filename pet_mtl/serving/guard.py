"""Who may ask: the Host and Origin of a request, and its token.

A page of another site can make a browser send requests to this machine, or let its own name point
here (DNS rebinding, Jackson et al. 2007). Such a request bears another Origin or Host.
"""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from pet_mtl.errors import PetMtlError
from pet_mtl.serving.api_error import ApiError

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on can be reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """What is let in.

    Attributes:
        host: the address that the server listens on.
        names: further names that it is asked by.
        token: that requests must bear; None where everyone on this machine may ask.
    """

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    token: str | None = None

    def check(self) -> None:
        """Refuse an address that others can reach without a token.

        Raises:
            PetMtlError: no token; a token that no header can hold.
        """
        if self.token is not None and not re.fullmatch(r"[!-~]+", self.token):
            raise PetMtlError(
                "the token must be visible ASCII characters without spaces", where="--token"
            )
        if self.token is None and not is_loopback(self.host):
            raise PetMtlError(
                "an address that other machines can reach needs a token",
                where=f"--host {self.host}",
                hint="set the environment variable PET_MTL_TOKEN, or give `--token TOKEN`",
            )

    def knows_host(self, header: str) -> bool:
        """Return whether a Host header names this server."""
        found = _HOST.fullmatch(header.lower())
        if not found:
            return False
        name = found[1]
        if name in _LOOPBACK or name.strip("[]") == self.host.lower():
            return True
        if name in map(str.lower, self.names):
            return True
        # No name of another site can stand for an address that is written in numbers.
        return not is_loopback(self.host) and _is_address(name.strip("[]"))

    def knows_token(self, header: str) -> bool:
        """Return whether an Authorization header bears the token, in a time that says nothing of
        it."""
        if self.token is None:
            return True
        scheme, _, given = header.partition(" ")
        digests = [
            hashlib.sha256(text.encode("utf-8", "replace")).digest()
            for text in (given.strip(), self.token)
        ]
        return hmac.compare_digest(*digests) and scheme.lower() == "bearer"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Let only requests through that are meant for this server, and bear its token.

    Args:
        open_paths: need no token, for probes.
    """

    def __init__(self, app: ASGIApp, access: Access, open_paths: Collection[str] = ()) -> None:
        self.app, self.access, self.open_paths = app, access, frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refusal(scope)):
            response = error.response(scope.get("state", {}).get("request_id"))
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self.access.knows_host(hosts[0]):
            return ApiError(
                400,
                "bad_host",
                "the Host header names another server",
                hint="start the server with `--allow-host NAME` to be asked by that name",
            )
        here = {f"{scheme}://{hosts[0].lower()}" for scheme in ("http", "https")}
        if any(origin.lower() not in here for origin in headers.get("origin", [])):
            return ApiError(403, "bad_origin", "pages of other sites may not ask this server")
        if headers.get("sec-fetch-site", ["none"])[-1] not in ("none", "same-origin"):
            return ApiError(403, "bad_origin", "pages of other sites may not ask this server")
        if scope["path"] not in self.open_paths and not self.access.knows_token(
            "".join(headers.get("authorization", []))
        ):
            return ApiError(
                401,
                "bad_token",
                "the token is missing or wrong",
                hint="send the header `Authorization: Bearer TOKEN`",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return None
