"""Coverage-guided fuzzing of the hand-written parsers, with atheris (`pip install atheris`).

    python tests/campaign/fuzz.py pattern --seconds 60

Anything that a parser raises but a `PetMtlError` is a fault: the input is kept in the working
directory, as libFuzzer does it, and the exit code is not 0.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pet_mtl"]):
    from pet_mtl.errors import PetMtlError
    from pet_mtl.suite.openprompt_template import pattern_from_template
    from pet_mtl.suite.pattern import parse_pattern
    from pet_mtl.suite.verbalizer import format_verbalizer, read_verbalizer
    from pet_mtl.suite.yaml_file import parse_value

SEEDS = {
    "pattern": ["很{mask}。{text}", "{soft:8}{{{mask}}} {task:a}", "{mask}{", "}"],
    "template": ['{"placeholder":"text_a"} {"mask"}.', '{"soft": "x", "duplicate": 3}'],
    "verbalizer": ['100 故事 传说\n\'a b\' "c\\"d" # e\n', '{"a": ["b"]}', "[[1, 2]]"],
    "value": ["{a: [1, 1e3], b: null}", "&a [*a]", "!!int 0x1F", "1_000"],
}


def _verbalizer(text: str) -> None:
    """Read what was written, and again what is written of it: it must be the same."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        read = read_verbalizer(Path(file.name))
        file.seek(0)
        file.truncate()
        file.write(format_verbalizer(read))
        file.flush()
        again = read_verbalizer(Path(file.name))
    assert (again.labels, again.words) == (read.labels, read.words)


PARSERS: dict[str, Callable[[str], object]] = {
    "pattern": parse_pattern,
    "template": pattern_from_template,
    "verbalizer": _verbalizer,
    "value": parse_value,
}


def main() -> None:
    """Fuzz one parser for some seconds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parser", choices=PARSERS)
    options.add_argument("--seconds", type=int, default=60)
    chosen = options.parse_args()

    def one(data: bytes) -> None:
        text = data.decode("utf-8", errors="ignore")
        try:
            PARSERS[chosen.parser](text)
        except PetMtlError as error:
            if not str(error):
                raise

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[chosen.parser]):
            (Path(corpus) / str(number)).write_text(seed, encoding="utf-8")
        flags = [f"-max_total_time={chosen.seconds}", "-max_len=512", "-timeout=10", corpus]
        atheris.Setup([sys.argv[0], *flags], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
