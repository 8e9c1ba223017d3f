"""Host, Origin and token."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

from pet_mtl.errors import PetMtlError
from pet_mtl.serving.guard import Access

GOOD = ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]:8000"]
BAD = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:8000",
    "10.0.0.1",
    "127.0.0.1:8000:1",
    "127.0.0.1:",
    "user@127.0.0.1",
    "127.0.0.1/",
    "127.0.0.1 evil.example",
    "[::1",
    "::1",
    "0x7f000001",
    "2130706433",
    "localhost.",
    "",
    "\x00",
    "本机",
]


@pytest.mark.parametrize("host", GOOD)
def test_names_of_this_machine(host: str) -> None:
    assert Access().knows_host(host)


@pytest.mark.parametrize("host", BAD)
def test_names_of_others(host: str) -> None:
    assert not Access().knows_host(host)


def test_other_names() -> None:
    access = Access("0.0.0.0", ("Box.example",), "x")
    for host in ("box.example:80", "10.0.0.1:8000", "[fe80::1]", "127.0.0.1", "0.0.0.0:8000"):
        assert access.knows_host(host)
    for host in ("evil.example", "box.example.evil", "10.0.0", "10.0.0.1.evil"):
        assert not access.knows_host(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "box.example", ""])
def test_other_addresses_need_a_token(host: str) -> None:
    with pytest.raises(PetMtlError, match="needs a token"):
        Access(host).check()
    Access(host, token="abc").check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    Access(host).check()


@pytest.mark.parametrize("token", ["", " ", "a b", "好", "a\n"])
def test_tokens_that_no_header_holds(token: str) -> None:
    with pytest.raises(PetMtlError, match="visible ASCII"):
        Access(token=token).check()


def test_host_and_origin_of_requests(open_client: Callable[..., Any]) -> None:
    client = open_client()

    def status(**headers: str) -> int:
        return int(
            client.get(
                "/v1/tasks", headers={k.replace("_", "-"): v for k, v in headers.items()}
            ).status_code
        )

    assert status() == 200
    assert status(Host="evil.example") == 400
    assert status(Host="") == 400
    assert status(Origin="http://127.0.0.1:8000") == 200
    assert status(Origin="http://127.0.0.1:8001") == 403
    assert status(Origin="http://evil.example") == 403
    assert status(Origin="null") == 403
    assert status(Origin="http://127.0.0.1:8000.evil.example") == 403
    assert status(Sec_Fetch_Site="cross-site") == 403
    assert status(Sec_Fetch_Site="same-origin") == 200
    answer = client.post(
        "/v1/predict",
        content=b'{"task": "topic", "rows": []}',
        headers={"Origin": "http://evil.example", "Content-Type": "text/plain"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "bad_origin")


def test_token_of_requests(open_client: Callable[..., Any]) -> None:
    client = open_client(access=Access("0.0.0.0", token="s3cret"))

    def status(path: str, *given: str) -> int:
        headers = [("Authorization", each) for each in given]
        return int(client.get(path, headers=headers).status_code)

    for path in ("/v1/tasks", "/metrics", "/openapi.json", "/nothing"):
        assert status(path) == 401
        assert status(path, "Bearer s3cre") == 401
        assert status(path, "Bearer s3crett") == 401
        assert status(path, "Basic s3cret") == 401
        assert status(path, "Bearer s3cret", "Bearer other") == 401
        assert status(path, "Bearer s3cret") in (200, 404)
        assert status(path, "bearer s3cret") in (200, 404)
    for path in ("/health", "/ready"):
        assert status(path) == 200
    answer = client.get("/v1/tasks", headers={"Authorization": "Bearer \xff".encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "s3cret" not in answer.text
