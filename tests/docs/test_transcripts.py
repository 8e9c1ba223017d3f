"""What the documentation shows as a command's output is what comes out; `remake.py` sees what is not."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "remake.py"


@pytest.fixture(scope="module")
def remake():
    spec = importlib.util.spec_from_file_location("remake", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["remake"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def page(folder, *lines):
    path = folder / "page.md"
    path.write_text("\n".join(["text", "```console", *lines, "```", "more", ""]), encoding="utf-8")
    return path


def test_commands_go_on_over_lines_and_here_documents(remake):
    block = "$ cat > a <<'END'\n$ no command\nEND\n$ echo b \\\n  c\nb c\n"
    first, second = remake.steps(block)
    assert first == remake.Step("cat > a <<'END'\n$ no command\nEND", [])
    assert second == remake.Step("echo b \\\n  c", ["b c"])


def test_a_stale_output_is_made_again(remake, tmp_path):
    stale = page(tmp_path, "$ echo new > kept", "$ cat kept", "old")
    assert "$ cat kept\nnew\n```\nmore" in remake.remade(stale)


def test_what_is_measured_does_not_count(remake, tmp_path):
    right = page(tmp_path, "$ echo '0.123 of 7 rows in 12 s'", "0.987 of 7 rows in 3 s")
    assert remake.remade(right) == right.read_text("utf-8")
    wrong = page(tmp_path, "$ echo '0.123 of 7 rows'", "0.123 of 8 rows")
    assert "of 7 rows\n```" in remake.remade(wrong)


def test_an_ellipsis_stands_for_any_lines(remake, tmp_path):
    right = page(tmp_path, "$ seq 5", "1", "…", "5")
    assert remake.remade(right) == right.read_text("utf-8")
    wrong = page(tmp_path, "$ seq 5", "1", "…", "4")
    assert "\n1\n2\n3\n4\n5\n" in remake.remade(wrong)


def test_check_shows_the_difference_and_fails(tmp_path):
    stale = page(tmp_path, "$ echo new", "old")
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check", stale], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "-old\n+new" in done.stdout
    assert "old" in stale.read_text("utf-8")


@pytest.mark.slow
def test_the_pages_are_not_stale():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout
