"""What the speed suite measures on: rows, models and checkpoints, made once.

`python speed_materials.py bert FOLDER …` makes one thing in a process of its own, so that the one
that measures stays small.
"""

import hashlib
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import made_up
from openprompt_pair import PATTERN, label_words, read_rows
from turns import SideError, say, start

from pet_mtl.errors import PetMtlError
from pet_mtl.resources import bundled_backbone

LABELS = 15
LIMIT = 600.0  # seconds that a turn may take
# rows scored at once: seconds of work each, and enough to sort them by length
COUNTS = {"base": 2048, "12x384": 1024, "12x768": 256}
OUR_ROWS = {"base": (16000, 120), "12x384": (4000, 30), "12x768": (2000, 15)}  # and steps


class Materials:
    """Rows, models and checkpoints, made once in the scratch folder."""

    def __init__(self, chosen: Namespace) -> None:
        base = bundled_backbone(chosen.base) or Path(chosen.base).resolve()
        if not (base / "config.json").is_file():
            raise PetMtlError(
                "is neither an embedded backbone nor a model folder", where=f"--base {chosen.base}"
            )
        self.quick: bool = chosen.quick
        self.base = base
        told = f"{base} {chosen.rows} {chosen.quick}"
        self.folder: Path = chosen.scratch.resolve() / hashlib.sha256(told.encode()).hexdigest()[:8]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows = self.folder / "rows.tsv"
        count = 48 if chosen.quick else max(own for own, _ in OUR_ROWS.values())
        if chosen.rows is None:
            self._make("characters", self.folder / "characters.json", str(base))
            known = json.loads((self.folder / "characters.json").read_text("utf-8"))
            labels = max(2, min(LABELS, len(known) // 3))
            rows = made_up.labelled_rows(known, count, labels, seed=1)
            self.words = {str(n): known[n] for n in range(labels)}
            self.other = {str(n): known[n + labels] for n in range(labels)}
        else:
            rows = read_rows(chosen.rows, count)
            self.words = label_words(rows)
            turned = [*list(self.words.values())[1:], *list(self.words.values())[:1]]
            self.other = dict(zip(self.words, turned, strict=True))
        made_up.write_rows(self.rows, rows)
        made_up.write_rows(self.folder / "few.tsv", rows[: min(64, count)])
        self.tried = self.folder / "other.txt"
        lines = [f"{label} {word}\n" for label, word in self.other.items()]
        self.tried.write_text("".join(lines), encoding="utf-8")

    def count(self, model: str) -> int:
        """Return how many rows are scored at once."""
        return 24 if self.quick else COUNTS.get(model, 512)

    def model(self, name: str) -> Path:
        """Return a model's folder, which is made if there is none."""
        if name == "base":
            return self.base
        folder = self.folder / name
        if not (folder / "model.safetensors").is_file():
            say(f"making {name} of random weights")
            layers, width = map(int, name.split("x"))
            self._make("bert", folder, layers, width, str(self.base))
        return folder

    def suite(self, name: str) -> Path:
        """Return the pattern file of a model."""
        file = self.folder / f"suite-{name}.json"
        data = {"train": str(self.rows), "dev": str(self.rows)}
        settings = {"max_length": 40 if self.quick else 128, "learning_rate": 1e-5}
        made_up.write_task(file, str(self.model(name)), self.words, PATTERN, data, **settings)
        return file

    def checkpoint(self, name: str) -> Path:
        """Return an untrained checkpoint, which is made if there is none."""
        folder = self.folder / f"checkpoint-{name}"
        if not (folder / "pet_mtl.json").is_file():
            self._make("checkpoint", folder, str(self.suite(name)))
        return folder

    def export(self, name: str) -> Path:
        """Return an ONNX export.

        Raises:
            SideError: it cannot be made.
        """
        if self.quick:
            raise SideError("an export takes too long for `--quick`")
        folder = self.folder / f"onnx-{name}"
        if not (folder / "model.onnx").is_file():
            say(f"exporting {name}")
            command = ("export", self.checkpoint(name), "--out", folder, "--format", "onnx")
            try:
                start(sys.executable, "-m", "pet_mtl", *command, limit=LIMIT)
            except SystemExit as error:
                raise SideError(str(error).strip().splitlines()[-1]) from None
        return folder

    def _make(self, what: str, folder: Path, *more: Any) -> None:
        """Make something, in a process of its own unless all is quick: this one stays small."""
        if self.quick:
            make(what, str(folder), *map(str, more))
        else:
            start(sys.executable, __file__, what, str(folder), *map(str, more))


def make(what: str, folder: str, *more: str) -> None:
    """Make a random model, an untrained checkpoint, or a list of known characters."""
    if what == "characters":
        found = json.dumps(made_up.known_characters(more[0]), ensure_ascii=False)
        Path(folder).write_text(found, encoding="utf-8")
    elif what == "bert":
        made_up.write_random_bert(Path(folder), int(more[0]), int(more[1]), more[2])
    else:
        made_up.write_untrained(Path(folder), Path(more[0]))


if __name__ == "__main__":
    make(*sys.argv[1:])
