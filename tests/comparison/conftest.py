from pathlib import Path

import pytest
from one_thread import one_thread  # noqa: F401
from run_fixtures import toy_backbone  # noqa: F401
from toy_suite import write_suite


@pytest.fixture
def suite_file(tmp_path: Path, backbone: Path) -> Path:
    write_suite(tmp_path / "suite", backbone, limit="epochs: 1", batch_tokens=200, train=8, dev=5)
    return tmp_path / "suite" / "toy.yaml"
