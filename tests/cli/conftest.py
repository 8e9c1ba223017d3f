"""The toy suite, one trained run, and the command line called in this process."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from called import Call
from one_thread import one_thread  # noqa: F401
from toy_suite import write_suite


@pytest.fixture
def suite(tmp_path: Path, backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh pattern file in the working directory's folder `suite`."""
    write_suite(tmp_path / "suite", backbone)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "suite" / "toy.yaml"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Path:
    """The output folder of a finished run; tests that change it copy it."""
    from pet_mtl.suite.suite import load_suite
    from pet_mtl.training.run import train

    folder = tmp_path_factory.mktemp("trained")
    write_suite(folder / "suite", backbone)
    train(load_suite(folder / "suite" / "toy.yaml"), folder / "run")
    return folder / "run"


@pytest.fixture
def checkpoint(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the checkpoint, which a test may damage, and a working directory without anything
    else."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained / "checkpoint", tmp_path / "model"))


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Return all files and folders below a folder, with what the files hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def refuse(call: Call, tmp_path: Path) -> Callable[..., str]:
    """Run a command that must end in exit code 2 with clear words on stderr, and change no file."""

    def run(*arguments: str | Path) -> str:
        before = snapshot(tmp_path)
        ran = call(*arguments)
        assert (ran.code, ran.out) == (2, ""), ran
        assert snapshot(tmp_path) == before
        assert "Traceback" not in ran.err
        # what was read so far may stand before the error, never behind it
        words = ran.err[ran.err.index("error: ") :]
        for line in words.splitlines():
            assert line.startswith(("error: ", "  hint: ")), ran.err
            assert not line.endswith("."), line
        return words

    return run
