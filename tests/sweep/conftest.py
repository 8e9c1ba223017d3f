from pathlib import Path

import pytest
from one_thread import one_thread  # noqa: F401
from toy_suite import write_suite


@pytest.fixture
def suite_file(tmp_path: Path, backbone: Path) -> Path:
    write_suite(tmp_path / "suite", backbone, limit="max_steps: 4", train=4, dev=3)
    return tmp_path / "suite" / "toy.yaml"
