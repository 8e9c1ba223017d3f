"""The toy suite with a task that reads another: `mood` what `colour` says."""

from pathlib import Path

from toy_runs import write_suite


def write_chained(folder: Path, model: Path, more: str = "") -> Path:
    """Write the suite, and return its pattern file.

    Args:
        more: lines of the section of `mood`, indented.
    """
    write_suite(folder, model)
    file = folder / "toy.yaml"
    text = file.read_text(encoding="utf-8")
    old = '"{text}。{mask}!"'
    assert old in text
    text = text.replace(old, '"{task:colour}{text}。{mask}!"')
    if more:
        head = "    verbalizer: mood.txt\n"
        assert head in text
        text = text.replace(head, head + more)
    file.write_text(text, encoding="utf-8")
    return file
