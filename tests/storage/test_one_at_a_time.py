"""Where the system starts no more threads, the model is not what is wrong."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from pet_mtl.errors import MachineError, PetMtlError
from pet_mtl.storage.pretrained import load_backbone, load_tokenizer


class PanicException(BaseException):
    """As the class of Rust libraries, which cannot be imported, is called."""


def raises(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_no_thread_for_the_weights(backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", raises(RuntimeError("can't start new thread")))
    with pytest.raises(MachineError, match="the system starts no more threads") as caught:
        load_backbone(str(backbone))
    assert str(backbone) not in str(caught.value)
    assert "ulimit -u" in str(caught.value)


def test_no_thread_for_the_tokenizer(backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (backbone / "note.txt").touch()  # not the one that is held in memory
    said = (
        "The global thread pool has not been initialized.: ThreadPoolBuildError { kind: IOError }"
    )
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", raises(PanicException(said)))
    with pytest.raises(MachineError, match="the system starts no more threads"):
        load_tokenizer(str(backbone))
    monkeypatch.setattr(
        transformers.AutoTokenizer, "from_pretrained", raises(PanicException("no such token"))
    )
    with pytest.raises(PetMtlError, match="no tokenizer could be loaded: no such token") as caught:
        load_tokenizer(str(backbone))
    assert not isinstance(caught.value, MachineError)
