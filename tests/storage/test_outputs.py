import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.folder_kinds import BEGUN
from pet_mtl.storage.lock import held
from pet_mtl.storage.outputs import RunFolder, next_run_folder


def hold(path: Path) -> None:
    """Make the folder look like one with a run in it."""
    (path / "checkpoint").mkdir(parents=True)
    (path / "last").mkdir()
    (path / "metrics.jsonl").write_text('{"step": 1}\n')


def names(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*"))


def test_a_new_folder_that_stays_empty_goes_away(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "deep" / "run", resume=False)
    assert (tmp_path / "deep" / "run" / ".lock").is_file()
    run.close()
    assert not (tmp_path / "deep" / "run").exists()
    run.close()


def test_a_link_to_a_folder_that_is_yet_to_be_made(tmp_path: Path) -> None:
    link, place = tmp_path / "run", tmp_path / "place"
    link.symlink_to(place)
    with held(link / ".lock"):
        assert names(place) == [".lock"]
    place.rmdir()
    run = RunFolder(link, resume=False)
    assert (place / ".lock").is_file()
    run.close()
    assert link.is_symlink()
    assert not place.exists()
    link.unlink()
    link.symlink_to(tmp_path / "absent" / "place")
    with pytest.raises(PetMtlError, match=r"a link into `.*absent`, which is no folder"):
        RunFolder(link, resume=False)


def test_an_empty_folder_of_the_users_stays(tmp_path: Path) -> None:
    RunFolder(tmp_path, resume=False).close()
    assert tmp_path.is_dir()
    assert names(tmp_path) == []


def test_a_folder_with_a_log_stays_and_may_be_gone_on_with(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", resume=False)
    run.log({"step": 1})
    run.close()
    assert names(tmp_path / "run") == [BEGUN, "metrics.jsonl"]


@pytest.mark.parametrize("part", ["checkpoint", "last"])
def test_a_run_that_is_there_is_not_overwritten(tmp_path: Path, part: str) -> None:
    (tmp_path / part).mkdir()
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    before = names(tmp_path)
    with pytest.raises(PetMtlError, match="already holds a run") as caught:
        RunFolder(tmp_path, resume=False)
    assert caught.value.exit_code == 2
    assert "--resume" in str(caught.value)
    assert names(tmp_path) == before


@pytest.mark.parametrize("part", ["checkpoint", "last"])
def test_a_run_killed_between_two_renames_is_a_run(tmp_path: Path, part: str) -> None:
    (tmp_path / f".{part}.old").mkdir()
    with pytest.raises(PetMtlError, match="already holds a run"):
        RunFolder(tmp_path, resume=False)
    assert names(tmp_path) == [part]


def test_what_killed_writers_left_is_cleared_away(tmp_path: Path) -> None:
    hold(tmp_path)
    for name in (".last.0abc_def.new", ".last.old", ".checkpoint.x_123456.new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text("")
    (tmp_path / ".mine").write_text("")
    RunFolder(tmp_path, resume=True).close()
    assert names(tmp_path) == [".mine", "checkpoint", "last", "metrics.jsonl"]


def test_without_a_run_there_is_nothing_to_resume(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(PetMtlError, match="there is no run to resume"):
            RunFolder(path, resume=True)
    assert names(tmp_path) == []


def test_the_log_of_a_run_that_saved_nothing_is_not_added_to(tmp_path: Path) -> None:
    first = RunFolder(tmp_path / "run", resume=False)
    first.log({"step": 10})
    first.close()
    second = RunFolder(tmp_path / "run", resume=False)
    second.log({"step": 1})
    assert second.records() == [{"step": 1}]
    second.close()


HOLDER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from pet_mtl.storage.outputs import RunFolder
    run = RunFolder(Path(sys.argv[1]), resume=False)
    print("held", flush=True)
    sys.stdin.read()
    """
)


def refused(path: Path) -> None:
    for resume in (False, True):
        with pytest.raises(PetMtlError, match=("another run is using the folder")) as caught:
            RunFolder(path, resume=resume)
        assert caught.value.exit_code == 2


def test_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "run"
    first = RunFolder(path, resume=False)
    refused(path)
    assert (path / ".lock").read_text() == str(os.getpid())
    first.close()
    assert not path.exists()
    RunFolder(path, resume=False).close()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        refused(tmp_path)
        assert (tmp_path / ".lock").read_text() == str(other.pid)
        other.kill()
    assert (tmp_path / ".lock").is_file()
    RunFolder(tmp_path, resume=False).close()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "place", ["file", "file/below", "file/far/below", "/proc/nope", "/proc/nope/deep", "x" * 300]
)
def test_places_where_nothing_can_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    if place.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("no /proc here")
    for resume in (False, True):
        with pytest.raises(PetMtlError) as caught:
            RunFolder(tmp_path / place, resume=resume)
        assert caught.value.exit_code == 2
        assert str(tmp_path / place) in str(caught.value)
    assert "--out" in str(caught.value) or "--resume" in str(caught.value)
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_forget_after(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, resume=False)
    records = [
        {"step": 1, "loss": {"a": 0.5}},
        {"step": 5, "dev": {"新": {"macro_f1": 0.5}}},
        {"step": 6},
        {"step": 5},
    ]
    for record in records:
        run.log(record)
    run.forget_after(5)
    assert run.records() == [records[0], records[1], records[3]]
    run.forget_after(0)
    assert run.records() == []
    run.log({"step": 1})
    assert run.records() == [{"step": 1}]
    run.close()


@pytest.mark.parametrize(
    "half", [b'{"step": 2, "lo', b'{"step": 2, "name": "\xe6\x96', b"{", b"\x00\x00"]
)
def test_a_half_written_line_is_dropped(tmp_path: Path, half: bytes) -> None:
    run = RunFolder(tmp_path, resume=False)
    run.log({"step": 1})
    with run.metrics.open("ab") as file:
        file.write(half)
    assert run.records() == [{"step": 1}]
    run.forget_after(1)
    run.log({"step": 2})
    assert run.records() == [{"step": 1}, {"step": 2}]
    assert [json.loads(line) for line in run.metrics.read_text().splitlines()] == run.records()
    run.close()


def test_no_log_has_no_records(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, resume=False)
    assert run.records() == []
    run.forget_after(3)
    run.close()


def test_next_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert next_run_folder("toy") == Path("runs/toy-1")
    Path("runs/toy-3").mkdir()
    assert next_run_folder("toy") == Path("runs/toy-2")
    assert next_run_folder("other") == Path("runs/other-1")


def test_runs_that_begin_at_one_moment_choose_different_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(next_run_folder, ["toy"] * 40))
    assert sorted(map(str, folders)) == sorted(f"runs/toy-{n}" for n in range(1, 41))


def test_a_chosen_folder_that_is_left_empty_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    RunFolder(next_run_folder("toy"), resume=False).close()
    assert not Path("runs/toy-1").exists()
    code = "from pet_mtl.storage.outputs import next_run_folder as n; n('toy')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not Path("runs").exists()


def test_a_file_called_runs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("")
    with pytest.raises(PetMtlError, match="runs"):
        next_run_folder("toy")


def test_what_a_killed_writer_left_in_the_checkpoint_goes_away(tmp_path: Path) -> None:
    for folder in ("last", "checkpoint"):
        (tmp_path / folder).mkdir()
    (tmp_path / "checkpoint" / "pet_mtl.json").write_text("{}", encoding="utf-8")
    for name in ("pet_mtl.json", "README.md"):
        left = tmp_path / "checkpoint" / f".{name}.0123abcd.new"
        left.write_text("half", encoding="utf-8")
    RunFolder(tmp_path, resume=True).close()
    assert [file.name for file in (tmp_path / "checkpoint").iterdir()] == ["pet_mtl.json"]
