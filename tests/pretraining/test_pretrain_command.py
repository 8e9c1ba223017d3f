import json
import shutil
from pathlib import Path

import pytest
from toy_texts import SETTINGS

from pet_mtl.__main__ import main
from pet_mtl.storage.outputs import remove_chosen


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["pet-mtl", "pretrain", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    remove_chosen()  # as at the end of a process
    return int(caught.value.code or 0)


SET = [text for key, value in SETTINGS.items() for text in ("-s", f"{key}={value}")]


def test_json_and_resume_from_another_folder(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    toy_model: Path,
    corpus_file: Path,
    tmp_path: Path,
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    files = [project / f"{name}.txt" for name in "ab"]
    half = corpus_file.read_text(encoding="utf-8").split("\n\n")
    for number, file in enumerate(files):
        file.write_text("\n\n".join(half[number::2]), encoding="utf-8")
    out = project / "run"
    monkeypatch.chdir(project)
    Path("model").symlink_to(toy_model)
    arguments = [
        "--model",
        "model",
        "--corpus",
        "[ab].txt",
        "--out",
        str(out),
        *SET,
        "--json",
    ]
    assert run(monkeypatch, *arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == str(out / "model")
    assert found["held_out"]["accuracy"] >= 0
    copied = shutil.copytree(project, tmp_path / "copied", symlinks=True)
    monkeypatch.chdir(elsewhere)
    assert run(monkeypatch, "--resume", "--out", str(out), "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["steps"], again["held_out"]) == (found["steps"], found["held_out"])
    shutil.rmtree(project)
    monkeypatch.chdir(copied)
    assert run(monkeypatch, "--resume", "--out", "run") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "there is no model"),
        (["--masking", "some"], "unknown masking `some`"),
        (["--resume"], "`--resume` needs the folder"),
        (["--resume", "--out", "nowhere"], "no pre-training run to resume"),
        (["--resume", "--out", "nowhere", "-s", "seed=1"], ("goes on with the stored options")),
        (["--model", "zh-mini", "--corpus", "x.txt", "-s", "epoch=1"], "did you mean `epochs`"),
        (
            ["-s", "seed=1", "-s", "max_minutes=5", "-s", "warmup=10"],
            "-s max_minutes=5: `train`: with `max_minutes` the steps",
        ),
        (["--from-scratch", "x.yaml", "--corpus", "x.txt"], "file not found"),
        (["--model", "zh-mini", "--corpus", "x.txt", "--out", "o"], "no such data file"),
        (["--model", "m", "--corpus", "x.txt", "--data-root", "d"], "no pattern file whose data"),
        (["--patterns", "default", "--task-text", "--text-key", "k"], "no corpus whose rows"),
        (
            ["--model", "m", "--corpus", "x.txt", "--cache", __file__],
            f"error: --cache {__file__}: this is a file, not a folder",
        ),
        (
            ["--model", "zh-mini", "--corpus", "x.txt", "--masking", "selective", "--out", "o"],
            "needs a scorer",
        ),
    ],
)
def test_wrong_usage(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == 2
    messages = capsys.readouterr()
    assert words in messages.err
    assert "Traceback" not in messages.err
    assert messages.out == ""
    assert not list(tmp_path.iterdir())
