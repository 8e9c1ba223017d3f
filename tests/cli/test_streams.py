"""Odd streams: the command line says one line and never mixes messages into data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from called import Call

ROWS = "text,label\n" + "".join(
    f"第{n}行好看的新闻,{'正面' if n % 2 else '负面'}\n" for n in range(12)
)


def run(tmp_path: Path, tail: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "rows.csv").write_text(ROWS, encoding="utf-8")
    return shell(f"init rows.csv --out out {tail}", tmp_path, **variables)


def shell(
    command: str, folder: Path | None = None, stdout: int = subprocess.PIPE, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m pet_mtl {command}"],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=100,
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("option", ["--json", ""])
def test_a_full_disk_behind_stdout_is_one_line(tmp_path: Path, option: str) -> None:
    ended = run(tmp_path, f"{option} > /dev/full")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip().split("\n")[-1] == "error: stdout: No space left on device"


@pytest.mark.parametrize("option", ["--json", "", "--json 0<&-"])
def test_a_closed_stdout_loses_no_result_without_a_word(tmp_path: Path, option: str) -> None:
    ended = run(tmp_path, f"{option} >&-")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip().split("\n")[-1] == "error: stdout: Bad file descriptor"
    written = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert written  # by then
    assert not any(b"error:" in file.read_bytes() for file in written)


@pytest.mark.parametrize("command", ["--version", "--help", "data check --json --help"])
def test_a_closed_stdout_of_what_only_prints(command: str) -> None:
    ended = shell(f"{command} >&-")
    assert (ended.returncode, ended.stderr) == (1, "error: stdout: Bad file descriptor\n")


@pytest.mark.parametrize("gone", [">&-", "into a pipe that nobody reads"])
@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("average model model --out mean", "mean"),
        ("predict model --data topic=rows.jsonl --out out", "out/topic.jsonl"),
    ],
)
def test_a_finished_result_needs_no_stdout(
    checkpoint: Path, tmp_path: Path, command: str, written: str, gone: str
) -> None:
    """Where it lies is said on stderr then."""
    (tmp_path / "rows.jsonl").write_text('{"id": "1", "title": "好消息"}\n', encoding="utf-8")
    if gone == ">&-":
        ended = shell(f"{command} {gone}", tmp_path)
    else:
        reader, writer = os.pipe()
        os.close(reader)
        ended = shell(command, tmp_path, stdout=writer)
        os.close(writer)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.endswith(f"written: {written}\n")
    assert (tmp_path / written).exists()


@pytest.mark.slow
def test_what_prints_no_data_needs_no_stdout(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("今天天气很好\n" * 40, encoding="utf-8")
    ended = shell("pretrain --model zh-mini --corpus a.txt --out out -s max_steps=1 >&-", tmp_path)
    assert (ended.returncode, ended.stderr.count("error")) == (0, 0)


def test_json_on_stdout_stays_json_without_a_stderr(tmp_path: Path) -> None:
    ended = run(tmp_path, "--json 2>&-")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)


@pytest.mark.parametrize("option", ["--json", ""])
def test_an_ascii_stdout_takes_any_text(tmp_path: Path, option: str) -> None:
    ended = run(tmp_path, option, PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stderr.count("Traceback")) == (0, 0)
    assert ended.stdout.isascii()
    if option:
        assert json.loads(ended.stdout)


@pytest.mark.parametrize("columns", ["0", "-1", "x"])
def test_a_width_of_nothing_shows_something(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", columns)
    Path("rows.csv").write_text(ROWS, encoding="utf-8")
    assert "正面" in call("init", "rows.csv", "--out", "out").out


def test_a_working_directory_that_was_removed_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    command = f"cd {tmp_path}/gone && rmdir ../gone && {sys.executable} -m pet_mtl --version"
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=100)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: the working directory is no longer there\n  hint: `cd` to one that is\n"
    )
