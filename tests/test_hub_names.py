import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from pet_mtl import hub_names
from pet_mtl.errors import PetMtlError
from pet_mtl.hub_names import is_hub_name, kept_only
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer, resolve_model


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("hfl/chinese-roberta-wwm-ext", True),
        ("bert-base-chinese", True),
        ("bert-base-chinesee", False),
        ("zh-mnii", False),
        ("runs/typo", False),
        ("my/checkpoint", False),
        ("a/b/c", False),
        ("./x", False),
        ("../x", False),
        ("/x", False),
        ("x/", False),
        ("a/b\n", False),
        ("https://huggingface.co/a", False),
    ],
)
def test_which_names_are_the_hubs(
    name: str, hub: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_name(name) is hub


def test_a_first_part_that_is_here_means_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").symlink_to("mine")
    (tmp_path / "base/other").mkdir(parents=True)
    assert not is_hub_name("mine/typo")
    assert is_hub_name("other/typo")
    assert not is_hub_name("other/typo", tmp_path / "base")


def ask(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[str]:
    """Let the hub answer so; return what it is asked."""
    asked: list[str] = []

    def head(url: str, **_: Any) -> Any:
        asked.append(url)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(headers=answer)

    monkeypatch.setattr(
        huggingface_hub.utils._http, "get_session", lambda: SimpleNamespace(head=head)
    )
    return asked


def test_without_a_network_it_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask(monkeypatch, OSError("Name or service not known"))
    started = time.monotonic()
    for load in (load_tokenizer, load_masked_lm):
        with pytest.raises(PetMtlError, match="cannot be asked for it: Name or service") as caught:
            load(resolve_model("someone/some-model"))
        assert "hf download someone/some-model" in str(caught.value)
    assert len(asked) == 2
    assert time.monotonic() - started < 30


def test_what_is_in_the_cache_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    ask(monkeypatch, OSError("no route"))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: "/cache/config.json")
    assert kept_only("someone/some-model")


def test_a_model_that_the_hub_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    ask(monkeypatch, {"x-error-code": "RepoNotFound"})
    with pytest.raises(PetMtlError, match="no such public model"):
        kept_only("someone/some-model")
    ask(monkeypatch, {})
    assert not kept_only("someone/some-model")


def test_offline_by_wish_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ask(monkeypatch, OSError("offline mode"))
    monkeypatch.setattr(huggingface_hub.constants, "is_offline_mode", lambda: True)
    with pytest.raises(PetMtlError, match="`HF_HUB_OFFLINE` is set"):
        kept_only("someone/some-model")


def test_old_names_are_some() -> None:
    assert all("/" not in name for name in hub_names._WITHOUT_OWNER)
