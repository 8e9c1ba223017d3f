from pathlib import Path

import pytest
from one_thread import one_thread  # noqa: F401
from toy_suite import write_suite


def _write(folder: Path, backbone: Path) -> Path:
    write_suite(folder, backbone, limit="max_steps: 4", train=4, dev=3)
    return folder / "toy.yaml"


@pytest.fixture
def suite_file(tmp_path: Path, backbone: Path) -> Path:
    return _write(tmp_path / "suite", backbone)


@pytest.fixture(scope="module")
def unchanged_suite_file(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Path:
    """One for several tests, none of which changes it."""
    return _write(tmp_path_factory.mktemp("suite"), backbone)
