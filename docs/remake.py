"""Makes the transcripts of the documentation again, or checks that they are still what comes out.

    python docs/remake.py                 # writes what the commands print now into the pages
    python docs/remake.py --check         # exit code 1 and a difference where a page is stale
    python docs/remake.py docs/faq.md     # one page

A transcript is a code block of the language `console`: lines with `$ ` are commands, what stands
between them is what they print (both streams). The commands of a page run in one new folder, in
order, beside the repository's `examples/`. `…` alone on a line stands for any lines. Figures that
depend on the machine (decimals, seconds, rows/s) do not count when checking. A page that trains
for real shows what depends on the arithmetic of the machine: it says so with the comment `MACHINE`,
and is checked only where it is named.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DOCS = Path(__file__).resolve().parent
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MEASURED = re.compile(r"\d[\d,]*\.\d+%?|\d[\d,]*(?= ?(?:s\b|rows/s|ms\b|MB\b|GB\b))")
ANY = "…"
MACHINE = "<!-- its transcripts depend on the machine -->"


@dataclass
class Step:
    command: str
    printed: list[str]


def steps(block: str) -> list[Step]:
    """The commands of a transcript, with the lines that stand behind each; a command goes on while
    its lines end with a backslash, or up to the end of its here-document."""
    found: list[Step] = []
    lines = iter(block.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            if not found:
                raise SystemExit(f"a transcript begins with a command, not with: {line}")
            found[-1].printed.append(line)
            continue
        command = [line[2:]]
        while command[-1].endswith("\\"):
            command.append(next(lines))
        if end := re.search(r"<<'(\w+)'", line):
            while command[-1] != end[1]:
                command.append(next(lines))
        found.append(Step("\n".join(command), []))
    return found


def run(command: str, folder: Path) -> list[str]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "HF_HUB_OFFLINE": "1",
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    lines = [line.rstrip() for line in done.stdout.strip("\n").splitlines()]
    return [line.replace(f"{folder}/", "") for line in lines]


@cache
def run_all(commands: tuple[str, ...]) -> list[list[str]]:
    """What the commands of a page print, in one new folder; the page of another language has the
    same ones."""
    with tempfile.TemporaryDirectory(prefix="transcript-") as name:
        (Path(name) / "examples").symlink_to(DOCS.parent / "examples")
        return [run(command, Path(name)) for command in commands]


def same(printed: list[str], now: list[str]) -> bool:
    """Whether the lines are those of now, up to what is measured; `…` stands for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == ANY else re.escape(plain(line)) + "\n" for line in printed
    )
    return re.fullmatch(pattern, "".join(plain(line) + "\n" for line in now)) is not None


def plain(line: str) -> str:
    """A line without what is measured, and without the widths that follow from it."""
    return re.sub(r"[ ─]+", " ", MEASURED.sub("#", line)).strip()


def remade(page: Path) -> str:
    """The text of a page with its transcripts made again; those that are still right stay."""
    text = page.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    printed = iter(run_all(tuple(step.command for block in blocks for step in steps(block))))

    def again(block: re.Match[str]) -> str:
        lines: list[str] = []
        for step in steps(block[1]):
            now = next(printed)
            kept = step.printed if same(step.printed, now) else now
            lines += [f"$ {step.command}", *kept]
        return "\n".join(["```console", *lines, "```"])

    return BLOCK.sub(again, text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pages", nargs="*", type=Path, help="those of the documentation")
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    stale = 0
    for page in arguments.pages or sorted(DOCS.rglob("*.md")):
        before = page.read_text(encoding="utf-8")
        if arguments.check and not arguments.pages and MACHINE in before:
            continue
        after = remade(page)
        if before == after:
            continue
        stale += 1
        if arguments.check:
            difference = difflib.unified_diff(
                before.splitlines(), after.splitlines(), str(page), "now", lineterm=""
            )
            print("\n".join(difference))
        else:
            page.write_text(after, encoding="utf-8")
            print(f"made again: {page}")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
