"""`pet-mtl studio`: what it prints and opens; the server itself is left out."""

import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

from pet_mtl.serving import server


@pytest.mark.parametrize("token", [None, "secret"])
def test_a_token_stands_in_no_command_line_of_a_browser(
    token: str | None,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[..., Any],
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(server, "run_server", lambda *arguments: 0)
    monkeypatch.delenv("PET_MTL_TOKEN", raising=False)
    given = ("--token", token) if token else ()
    ran = call("studio", "--patterns", folder / "toy.yaml", "--cache", folder / "cache", *given)
    assert ran.code == 0, ran.err
    address = ran.out.strip()
    assert address.endswith("#token=secret" if token else "/")
    assert opened == ([] if token else [address])
    assert ("open it yourself" in ran.err) == bool(token)
