"""The files of the page, read once: no path of a request reaches the disk."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True)
class File:
    """One file of the page."""

    content: bytes
    kind: str


@cache
def page_files() -> dict[str, File]:
    """Return the files by the path they are asked for by."""
    found = {}
    for file in sorted((Path(__file__).parent / "static").iterdir()):
        if kind := _TYPES.get(file.suffix):
            path = "/" if file.name == "index.html" else f"/static/{file.name}"
            found[path] = File(file.read_bytes(), kind)
    return found


def page_address(server: str, token: str | None) -> str:
    """Return the address to open. The page takes the token from behind its `#`, where a `+` would
    be a space.

    >>> page_address("http://127.0.0.1:8000", "a+b/c&d=")
    'http://127.0.0.1:8000/#token=a%2Bb%2Fc%26d%3D'
    """
    return f"{server}/" + (f"#token={quote(token, safe='')}" if token else "")
