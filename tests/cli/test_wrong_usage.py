"""What was typed wrongly is repeated without what a terminal would act on."""

import pytest

from pet_mtl.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["train", "a\u202eb"], r"a\u202eb"),
        (["train", "--no\x1bpe"], r"--no\x1bpe"),
        (["words", "try", "--no\u2066pe"], r"--no\u2066pe"),
        (["tr\u202eain"], r"tr\u202eain"),
        (["words", "tr\x9by"], r"tr\x9by"),
    ],
)
def test_marks_in_wrong_usage_are_escaped(
    arguments: list[str],
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["pet-mtl", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    messages = capsys.readouterr().err
    assert shown in messages
    assert not set(messages) & set("\u202e\u2066\x1b\x9b")


@pytest.mark.parametrize(
    "command",
    ["train", "data check", "data clean", "compare", "words check", "words try", "words suggest a"],
)
def test_an_empty_name_is_no_default(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `--patterns "$FILE"` is where the variable is not set."""
    monkeypatch.setattr("sys.argv", ["pet-mtl", *command.split(), "--patterns", "", "--out", "o"])
    if "words" in command or "check" in command:
        monkeypatch.setattr("sys.argv", ["pet-mtl", *command.split(), "--patterns", ""])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "error: --patterns: no pattern file ``" in capsys.readouterr().err
