"""The wheel is all a user has: it must hold every bundled file and work far from a checkout,
without a network."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
Run = Callable[..., str]

pytestmark = pytest.mark.slow


def run(*arguments: str | Path, cwd: Path, **environment: str) -> str:
    """Run this Python and return its stdout; its stderr is the message of a failure."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run("-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def run_installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return `run` for a Python that sees the installed wheel before anything else, in an empty
    folder."""
    site, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    run(
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        site,
        wheel,
        cwd=elsewhere,
    )
    environment = {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    where = run("-c", ("import pet_mtl; print(pet_mtl.__file__)"), cwd=elsewhere, **environment)
    assert Path(where.strip()) == site / "pet_mtl" / "__init__.py"
    return lambda *arguments: run(*arguments, cwd=elsewhere, **environment)


@pytest.mark.parametrize("folder", ["patterns", "verbalizers", "assets"])
def test_wheel_holds_every_bundled_file(wheel: Path, folder: str) -> None:
    expected = {
        f"pet_mtl/bundled/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert expected
    assert expected <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize(
    "name",
    [
        "bundled/patterns/default.yaml",
        "bundled/verbalizers/tnews.txt",
        "bundled/assets/zh-mini/model.safetensors",
        "bundled/assets/zh-mini/config.json",
        "bundled/assets/samples/ocnli/dev.tsv",
        "report/report.css",
    ],
)
def test_wheel_holds(wheel: Path, name: str) -> None:
    assert zipfile.ZipFile(wheel).getinfo(f"pet_mtl/{name}").file_size > 0


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"pet_mtl", wheel.name.rsplit("-py3", 1)[0] + ".dist-info"}


def test_wheel_declares_command_and_licence(wheel: Path) -> None:
    info = wheel.name.rsplit("-py3", 1)[0] + ".dist-info"
    archive = zipfile.ZipFile(wheel)
    assert b"pet-mtl = pet_mtl.__main__:main" in archive.read(f"{info}/entry_points.txt")
    assert archive.getinfo(f"{info}/licenses/LICENSE").file_size > 0


def test_installed_package_finds_its_files(run_installed: Run) -> None:
    code = """
from pathlib import Path
import pet_mtl
from pet_mtl.storage.pretrained import resolve_model
from pet_mtl.resources import bundled_pattern_file, sample_file
from pet_mtl.suite.suite import load_suite

package = Path(pet_mtl.__file__).parent
suite = load_suite(bundled_pattern_file("default"))
folder = Path(resolve_model(suite.model))
assert folder.is_relative_to(package), folder
assert (folder / "model.safetensors").is_file()
assert sample_file("tnews/train").is_relative_to(package)
print(*suite.tasks)
"""
    assert run_installed("-c", code).split() == ["tnews", "ocemotion", "ocnli"]


def test_installed_command_trains(run_installed: Run, tmp_path: Path) -> None:
    command = (
        "-m",
        "pet_mtl",
        "train",
        "-s",
        "train.max_steps=2",
        "-s",
        "train.max_length=24",  # the backbone is the one that users get, not a small one
        "-s",
        "train.batch_tokens=300",
        "--out",
        tmp_path / "run",
        "--json",
    )
    result = json.loads(run_installed(*command))
    assert result["steps"] == 2
    assert set(result["tasks"]) == {"tnews", "ocemotion", "ocnli"}
    assert (tmp_path / "run" / "checkpoint" / "model.safetensors").is_file()
