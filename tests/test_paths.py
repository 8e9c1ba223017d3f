from pathlib import Path

import pytest
import toys

from pet_mtl.atomic import require_folder, write_text
from pet_mtl.cli.options import files_by_task, pattern_file
from pet_mtl.errors import PetMtlError
from pet_mtl.paths import absolute, user_path
from pet_mtl.storage.outputs import RunFolder
from pet_mtl.storage.pretrained import resolve_model
from pet_mtl.suite.suite import load_suite

SUITE = """version: 1
model: {model}
data_root: {root}
tasks:
  t:
    patterns: "{{mask}}{{text}}"
    verbalizer: {words}
    columns: {{text: 0, label: 1}}
    data: {{train: a.tsv}}
"""


def write_suite(
    folder: Path, model: str = "zh-mini", root: str = ".", words: str = "w.txt"
) -> Path:
    file = folder / "p.yaml"
    file.write_text(SUITE.format(model=model, root=root, words=words), encoding="utf-8")
    (folder / "w.txt").write_text("a 好\nb 坏\n", encoding="utf-8")
    return file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


def test_a_home_folder_is_put_in_wherever_no_shell_does(home: Path, tmp_path: Path) -> None:
    toys.write_bert(home / "model", ["好", "坏"])
    (home / "w.txt").write_text("a 好\nb 坏\n", encoding="utf-8")
    suite = load_suite(write_suite(tmp_path, root="~/data", words="~/w.txt"))
    assert Path(suite.base) == home / "data"
    assert suite.tasks["t"].verbalizer.source == str(home / "w.txt")
    assert resolve_model("~/model") == str(home / "model")
    assert files_by_task("--data", ["t=~/a.tsv"]) == {"t": home / "a.tsv"}
    assert pattern_file("~/p.yaml") == home / "p.yaml"


def test_nothing_is_written_to_a_folder_that_is_called_so_by_mistake(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--out=~/runs`: shells leave it as it is."""
    monkeypatch.chdir(tmp_path)
    for writes in (require_folder, lambda path: write_text(path / "a.txt", "a")):
        with pytest.raises(PetMtlError, match="no shell has put in the home folder") as caught:
            writes(Path("~/runs"))
        assert str(home / "runs") in str(caught.value.problems[0].hint)
    assert not Path("~").exists()
    Path("~").mkdir()
    require_folder(Path("~/runs"))


def test_a_folder_that_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~nosuchuser").mkdir()
    assert user_path("~nosuchuser/x") == Path("~nosuchuser/x")


def test_a_user_who_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = "there is no user `nosuchuser`"
    for suite in ({"root": "~nosuchuser/d"}, {"words": "~nosuchuser/w.txt"}):
        with pytest.raises(PetMtlError, match=wanted) as caught:
            load_suite(write_suite(tmp_path, **suite))
        assert str(caught.value).startswith(f"{tmp_path}/p.yaml:")
    with pytest.raises(PetMtlError, match=wanted):
        load_suite(write_suite(tmp_path), data_root=Path("~nosuchuser/d"))
    with pytest.raises(PetMtlError, match=wanted):
        resolve_model("~nosuchuser/model")
    with pytest.raises(PetMtlError, match=wanted):
        RunFolder(Path("~nosuchuser/out"), resume=False)
    with pytest.raises(PetMtlError, match=wanted):
        write_text(Path("~nosuchuser/out"), "")
    assert not Path("~nosuchuser").exists()


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(PetMtlError, match="no home folder is known"):
        user_path("~/x")


def test_links_in_a_circle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    with pytest.raises(PetMtlError, match="links lead in a circle"):
        absolute(Path("loop/x"))
    with pytest.raises(PetMtlError, match=r"--data-root: .* links lead in a circle"):
        load_suite(write_suite(tmp_path), data_root=Path("loop"))
    with pytest.raises(PetMtlError, match="links lead in a circle"):
        load_suite(write_suite(tmp_path, root="loop/x"))
    for name in ("loop", "loop/x"):
        with pytest.raises(PetMtlError, match="there is no model"):
            resolve_model(name)
        with pytest.raises(PetMtlError, match=r"its links lead in a circle|cannot write: Too many"):
            RunFolder(Path(name), resume=False)


def test_names_that_are_too_long(tmp_path: Path) -> None:
    """As where the label words stand in the place of their file."""
    name = "x" * 300
    for words in (name, f"{name}/w.txt"):
        with pytest.raises(PetMtlError, match="cannot be read: File name too long") as caught:
            load_suite(write_suite(tmp_path, words=words))
        assert str(caught.value).startswith(f"{tmp_path}/p.yaml:7: ")
    with pytest.raises(PetMtlError) as caught:
        user_path(f"~{name}/w.txt")
    assert caught.value.problems[0].message.endswith(f"there is no user `{name}`")


def test_null_bytes_and_names_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match=r"a file name cannot hold a null byte, as `a\\x00b`"):
        user_path("a\0b")
    for suite in ({"root": '"a\\0"'}, {"words": '"a\\0"'}):
        with pytest.raises(PetMtlError, match="null byte") as caught:
            load_suite(write_suite(tmp_path, **suite))
        assert str(caught.value).startswith(f"{tmp_path}/p.yaml:")
    with pytest.raises(PetMtlError, match=r"there is no model `a\\x00`"):
        resolve_model("a\0")
    with pytest.raises(PetMtlError, match="must be UTF-8"):
        RunFolder(tmp_path / "o\udcff", resume=False)
    assert not list(tmp_path.glob("o*"))
