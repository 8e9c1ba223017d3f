"""Two checkpoints of the toy suite, one of them calibrated, and an application over them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from one_thread import one_thread  # noqa: F401


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random weights; its task `topic` is calibrated."""
    import toy_suite
    import toys

    from pet_mtl.model.calibration import Calibration
    from pet_mtl.scoring.loaded import LoadedModel
    from pet_mtl.storage.checkpoint import add_calibration, write_checkpoint
    from pet_mtl.suite.suite import load_suite

    folder = tmp_path_factory.mktemp("served")
    characters = list("一条新闻体育天气科技文化这是好的真不坏类：。？，")
    toys.write_bert(folder / "backbone", characters, initializer_range=0.3)
    toy_suite.write_suite(folder, folder / "backbone")
    suite = load_suite(folder / "toy.yaml", overrides=["train.dropout=null"])
    model = LoadedModel(suite.model, suite)
    out = folder / "first" / "checkpoint"
    write_checkpoint(out, model.mlm, model.tokenizer, suite, {}, {})
    bias = {"topic": Calibration(kind="prior", bias=(0.5, -0.5, 1.0), rows=9)}
    add_calibration(out, bias, {})
    return out


@pytest.fixture
def checkpoint(made: Path, tmp_path: Path) -> Path:
    """A copy, which a test may change."""
    return Path(shutil.copytree(made, tmp_path / "first" / "checkpoint"))


@pytest.fixture
def open_client(made: Path) -> Iterator[Callable[..., Any]]:
    """Return what opens a client of an application over some checkpoints."""
    pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
    from fastapi.testclient import TestClient

    from pet_mtl.serving.app import create_app
    from pet_mtl.serving.models import Models

    opened = []

    def open_(*folders: Path, **options: Any) -> Any:
        app = create_app(Models(folders or (made,)), **options)
        client = TestClient(
            app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False
        ).__enter__()
        opened.append(client)
        return client

    yield open_
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(open_client: Callable[..., Any]) -> Any:
    return open_client()
