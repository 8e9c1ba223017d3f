"""A hub on loopback: the requests of one upload, their answers, and failures where a test wants
them."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote, urlsplit

TOKEN = "hf_right"
COMMIT = "ab" * 20


@dataclass
class Repo:
    private: bool = False
    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})


@dataclass
class Hub:
    """What the server holds and did.

    Attributes:
        repos: by name.
        calls: the requests' stages in their order: create, info, branch, validate, preupload,
            batch, put, verify, commit.
        fail: by stage, the status to answer, or `cut` for a connection that ends.
        large: files that are stored as large ones.
        objects: large files by their sum.
    """

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fail: dict[str, int | str] = field(default_factory=dict)
    large: tuple[str, ...] = ()
    objects: dict[str, bytes] = field(default_factory=dict)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        return cast(Hub, self.server.hub)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        stage, code, answer = self._respond(path, body)
        self.hub.calls.append(stage)
        failure = self.hub.fail.get(stage)
        if failure == "cut":
            self.connection.close()
            self.close_connection = True
            return
        if failure is not None:
            code, answer = int(failure), {"error": f"made to fail \x1b[31m at {stage}"}
        elif stage not in ("put", "verify") and self.headers["Authorization"] != f"Bearer {TOKEN}":
            code, answer = 401, {"error": "Invalid credentials"}
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if stage == "resolve":
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _respond(self, path: list[str], body: bytes) -> tuple[str, int, Any]:
        hub = self.hub
        match path:
            case ["api", "repos", "create"]:
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                if self._refused("create"):
                    return "create", 500, {}
                code = 409 if name in hub.repos else 200
                hub.repos.setdefault(name, Repo(asked.get("visibility") == "private"))
                return "create", code, {"url": f"{hub.url}/{name}", "error": "already there"}
            case ["api", "models", user, name] | ["api", "models", user, name, "revision", _]:
                repo = hub.repos.get(f"{user}/{name}", Repo())
                code = 200 if f"{user}/{name}" in hub.repos else 404
                told = {"id": f"{user}/{name}", "private": repo.private, "sha": COMMIT}
                return "info", code, told
            case ["api", "models", user, name, "tree", _]:
                files = hub.repos[f"{user}/{name}"].branches["main"]
                tree = [
                    {"type": "file", "path": path, "size": len(content), "oid": COMMIT}
                    for path, content in files.items()
                ]
                return "tree", 200, tree
            case [user, name, "resolve", _, *rest]:
                return "resolve", 200, hub.repos[f"{user}/{name}"].branches["main"]["/".join(rest)]
            case ["api", "models", user, name, "branch", branch]:
                branches = hub.repos[f"{user}/{name}"].branches
                code = 409 if branch in branches else 200
                branches.setdefault(branch, dict(branches["main"]))
                return "branch", code, {"error": "already there"}
            case ["api", "validate-yaml"]:
                text = json.loads(body)["content"]
                fine = text.startswith("---\n") and "library_name: pet_mtl" in text
                return "validate", 200 if fine else 400, {"errors": [{"message": "bad"}]}
            case ["api", "models", user, name, "preupload", _]:
                files = [
                    {
                        "path": each["path"],
                        "uploadMode": "lfs" if each["path"] in hub.large else "regular",
                        "shouldIgnore": False,
                    }
                    for each in json.loads(body)["files"]
                ]
                return "preupload", 200, {"files": files}
            case [user, name, "info", "lfs", "objects", "batch"]:
                objects = [
                    {
                        **each,
                        "actions": {
                            "upload": {"href": f"{hub.url}/put/{each['oid']}"},
                            "verify": {"href": f"{hub.url}/verify/{each['oid']}"},
                        },
                    }
                    for each in json.loads(body)["objects"]
                ]
                return "batch", 200, {"objects": objects, "transfer": "basic"}
            case ["put", oid]:
                right = hashlib.sha256(body).hexdigest() == oid
                hub.objects[oid] = body
                return "put", 200 if right else 400, {}
            case ["verify", oid]:
                return "verify", 200 if oid in hub.objects else 404, {}
            case ["api", "models", user, name, "commit", branch]:
                if not self._refused("commit"):
                    self._commit(hub.repos[f"{user}/{name}"].branches[branch], body)
                url = f"{hub.url}/{user}/{name}/commit/abc"
                return "commit", 200, {"commitUrl": url, "commitOid": COMMIT}
        return "/".join(path), 404, {"error": "no such thing"}

    def _refused(self, stage: str) -> bool:
        return stage in self.hub.fail or self.headers["Authorization"] != f"Bearer {TOKEN}"

    def _commit(self, files: dict[str, bytes], body: bytes) -> None:
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]


@contextmanager
def running() -> Iterator[Hub]:
    """Run a hub on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
