"""Finding the files that a source names."""

import os
from pathlib import Path

import pytest

from pet_mtl.data import sources
from pet_mtl.data.sources import find_files
from pet_mtl.errors import PetMtlError
from pet_mtl.proposal.raw_table import read_raw_table


def test_paths_relative_and_absolute(write, tmp_path: Path) -> None:
    path = write("data/a.csv", "")
    assert find_files("data/a.csv", tmp_path) == [path]
    assert find_files(str(path), Path("elsewhere")) == [path]
    assert [found.resolve() for found in find_files("../data/a.csv", tmp_path / "data")] == [path]


def test_globs_are_sorted_and_skip_folders(write, tmp_path: Path) -> None:
    paths = [write(f"[base]/{name}", "") for name in ("b.csv", "a.csv", "deep/c.csv")]
    (tmp_path / "[base]" / "d.csv").mkdir()
    base = tmp_path / "[base]"
    assert find_files("*.csv", base) == [paths[1], paths[0]]
    assert find_files("**/*.csv", base) == [paths[1], paths[0], paths[2]]
    assert find_files("../[[]base]/b.csv", base)[0].samefile(paths[0])
    assert find_files(str(tmp_path / "*" / "a.csv"), Path("elsewhere")) == [paths[1]]


def test_a_name_with_brackets_is_a_name_first(write, tmp_path: Path) -> None:
    path = write("a[1].csv", "")
    assert find_files("a[1].csv", tmp_path) == [path]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("data/trian.csv", "`train.csv`"),
        ("data/trian.csv", "`--data-root DIR` says where relative data paths start"),
        ("data/*.json", "holds"),
        ("nowhere/a.csv", "there is no folder"),
    ],
)
def test_missing_files(write, tmp_path: Path, source: str, hint: str) -> None:
    write("data/train.csv", "")
    with pytest.raises(PetMtlError) as caught:
        find_files(source, tmp_path)
    (problem,) = caught.value.problems
    assert problem.message == f"no such data file: `{source}`"
    assert problem.where == str(tmp_path / source)
    assert hint in str(problem.hint)


def test_rows_that_were_in_memory_are_named_as_each_command_takes_them(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match=r"`score` takes `--data .* other commands `--patterns"):
        find_files("memory", tmp_path)


def test_a_link_into_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("gone.csv")
    with pytest.raises(PetMtlError, match=r"hint: it is a link to `gone\.csv`, which is not there"):
        find_files("a.csv", tmp_path)


def test_a_glob_gives_each_file_once_whatever_links_to_it(write, tmp_path: Path) -> None:
    paths = [write(name, "") for name in ("a.csv", "deep/b.csv", "elsewhere/c.csv")]
    (tmp_path / "latest.csv").symlink_to("deep/b.csv")
    (tmp_path / "deep" / "other").symlink_to("../elsewhere")
    for name in ("one", "two"):  # two ways down at each of 40 levels
        (tmp_path / "deep" / name).symlink_to("..")
    assert find_files("*.csv", tmp_path) == [paths[0], tmp_path / "latest.csv"]
    found = find_files("deep/**/*.csv", tmp_path)
    assert found == sorted(found)
    assert sorted(file.resolve() for file in found) == paths
    assert find_files(str(tmp_path / "**" / "b*"), Path()) == [paths[1]]
    (tmp_path / "deep" / ".hidden").mkdir()
    (tmp_path / "deep" / ".hidden" / "d.csv").touch()
    assert sorted(file.resolve() for file in find_files("**", tmp_path)) == paths


def test_a_user_who_is_not_there(tmp_path: Path) -> None:
    for source in ("~nosuchuser/a.csv", "~nosuchuser/*.csv"):
        with pytest.raises(PetMtlError, match="there is no user `nosuchuser`"):
            find_files(source, tmp_path)


def test_missing_absolute_files_need_no_data_root(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError) as caught:
        find_files(str(tmp_path / "a.csv"), tmp_path)
    assert "--data-root" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(PetMtlError, match=r"`data/` is a folder\n  hint: .*`data/\*\.csv`"):
        find_files("data/", tmp_path)
    (tmp_path / "data" / "a.txt").touch()
    with pytest.raises(PetMtlError, match=r"a glob such as `data/\*\.txt`"):
        find_files("data", tmp_path)
    with pytest.raises(PetMtlError, match=r"a glob such as `\*\.csv`"):
        find_files("", tmp_path)


def test_a_file_has_no_files_below(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    with pytest.raises(PetMtlError, match=r"no such data file: `a\.csv`") as caught:
        find_files("a.csv", tmp_path / "rows.csv")
    assert "there is no folder" in str(caught.value)
    assert "`--data-root DIR` says where" in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_or_a_device_is_no_missing_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.tsv")
    for source in ("rows.tsv", os.devnull):
        with pytest.raises(PetMtlError, match="not a regular file") as caught:
            find_files(source, tmp_path)
        (problem,) = caught.value.problems
        assert problem.where == str(tmp_path / source)
        assert "predict CHECKPOINT -" in str(problem.hint)
        with pytest.raises(PetMtlError, match="not a regular file"):
            read_raw_table(tmp_path / source)


@pytest.fixture
def samples(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "assets" / "samples"
    monkeypatch.setattr(sources, "resource_root", lambda: tmp_path)
    monkeypatch.setattr(sources, "sample_file", lambda name: folder / f"{name}.tsv")
    return write("assets/samples/tnews/train.tsv", "")


def test_samples(samples: Path) -> None:
    assert find_files("sample:tnews/train", Path("elsewhere")) == [samples]


def test_unknown_samples(samples: Path) -> None:
    with pytest.raises(
        PetMtlError, match=r"no sample data `tnews/test`\n  hint: .*`sample:tnews/train`"
    ):
        find_files("sample:tnews/test", Path())
