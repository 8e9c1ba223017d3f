"""A finished run, a hub on loopback, and the command line called in this process."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import fake_hub
import pytest
import toy_suite
from one_thread import one_thread  # noqa: F401

from pet_mtl.suite.suite import load_suite


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Path:
    """A finished run, in a folder whose name must not leave the machine."""
    from pet_mtl.training.run import train

    folder = tmp_path_factory.mktemp("secret-place")
    toy_suite.write_suite(folder / "suite", backbone)
    train(load_suite(folder / "suite" / "toy.yaml"), folder / "run")
    return folder / "run"


@pytest.fixture
def run_copy(run_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[fake_hub.Hub]:
    """A running hub, which this process takes for the hub; a token in the environment."""
    from huggingface_hub import close_session, constants

    with fake_hub.running() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)  # as the command line does
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", fake_hub.TOKEN)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        close_session()
        yield running
        close_session()
