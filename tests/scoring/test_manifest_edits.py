"""A checkpoint whose manifest was edited by hand loads and scores, or is refused as damaged; no
other error."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.model.calibration import Calibration
from pet_mtl.scoring import loaded
from pet_mtl.scoring.predictor import Predictor
from pet_mtl.storage.checkpoint import MANIFEST, add_calibration, read_checkpoint, write_checkpoint
from pet_mtl.storage.pretrained import load_backbone, load_masked_lm, load_pieces, load_tokenizer
from pet_mtl.suite.suite import load_suite

PATTERNS = """\
version: 1
model: {model}
tasks:
  above:
    levels: by_level
    patterns: ["{{mask}}文：{{text}}", "{{text}}。{{mask}}!"]
    verbalizer: {{a: 红, a/x: [蓝, 喜悲], a/y: 绿, b: 无, c: 同, c/z: 甲}}
    columns: {{text: 0, label: 1}}
    data: {{train: a.tsv, dev: b.tsv}}
  marks:
    kind: multi_label
    no: 同
    prefix: "类："
    patterns: "{{mask}}：{{one}}？{{two}}"
    verbalizer: {{r: 红, b: 蓝, g: 绿}}
    columns: {{id: key, one: one, two: two, label: marks}}
    data: {{train: [a.jsonl, b.jsonl], dev: {{split: 0.1}}}}
  judged:
    kind: entailment
    yes: 同
    no: 相反
    question: "，{{mask}}!"
    descriptions: {{down: 悲伤}}
    patterns: ["{{text}}。{{mask}}", "{{mask}}：{{label}}。{{text}}"]
    verbalizer: {{up: 喜, down: 悲, flat: 无}}
    columns: {{text: 0, label: 1}}
    data: {{train: a.tsv}}
  plain:
    patterns: ["{{mask}}文：{{text}}", "{{text}}。{{mask}}!"]
    verbalizer: {{"0": 红, "5": [蓝, 喜悲]}}
    columns: {{text: 0, label: 1}}
    data: {{train: a.tsv, dev: b.tsv}}
train: {{max_length: 32, precision: fp32}}
"""
VALUES: list[Any] = [
    *(None, [], {}, "", "{", "zz", "红", "no", True, 0, -1, 3, 0.5, 1e300),
    *(["zz"], [1], [2, 1], [0.5, 0.5], {"zz": 0}),
    *("classification", "multi_label", "similarity", "ordered", "entailment", "by_level", "joint"),
    *("learned", "weighted", "automatic", "heads", "shared", "windows", "max", "accuracy"),
    *("{mask}{label}", "{mask}{text}{task:above}", "{mask}{text}{soft:2}"),
]
LEFT_OUT = object()
EDITS = 300
Way = tuple[str | int, ...]


@pytest.fixture(scope="module")
def checkpoint(toy_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edited")
    (folder / "toy.yaml").write_text(PATTERNS.format(model=toy_backbone), encoding="utf-8")
    suite = load_suite(folder / "toy.yaml")
    mlm, tokenizer = load_masked_lm(suite.model), PieceTokenizer(load_tokenizer(suite.model))
    write_checkpoint(folder / "checkpoint", mlm, tokenizer, suite, {})
    biases = {"above": (0.1, -0.1, 0.2, 0.3), "plain": (0.1, 0.3)}
    fitted = {name: Calibration(kind="prior", bias=bias, rows=5) for name, bias in biases.items()}
    add_calibration(folder / "checkpoint", fitted, {})
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def manifest(checkpoint: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    return stored


@pytest.fixture
def attempt(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Return what loads the checkpoint with another manifest and scores a row of each task; the
    weights are read once."""
    pieces = load_pieces(str(checkpoint))
    backbone = load_backbone(str(checkpoint), attention="eager")
    monkeypatch.setattr(loaded, "load_pieces", lambda _: pieces)
    monkeypatch.setattr(loaded, "load_backbone", lambda *_, **__: backbone)

    def load_and_score(manifest: dict[str, Any]) -> None:
        (checkpoint / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        stored = read_checkpoint(checkpoint)
        predictor = Predictor(loaded.LoadedCheckpoint(stored))
        for name, task in stored.suite.tasks.items():
            predictor.predict([dict.fromkeys(task.fields, "山水")], name)

    return load_and_score


def ways_into(part: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to each value, however deep."""
    if way:
        yield way
    if isinstance(part, list):
        part = dict(enumerate(part))
    for key, value in part.items() if isinstance(part, dict) else ():
        yield from ways_into(value, (*way, key))


def edited(manifest: dict[str, Any], way: Way, value: Any) -> dict[str, Any]:
    """Return a copy of the manifest with another value, or with none where it is `LEFT_OUT`."""
    changed = copy.deepcopy(manifest)
    part: Any = changed
    for key in way[:-1]:
        part = part[key]
    if value is LEFT_OUT:
        del part[way[-1]]
    else:
        part[way[-1]] = value
    return changed


def test_one_value_changed_gives_no_other_error(
    manifest: dict[str, Any], attempt: Callable[[dict[str, Any]], None]
) -> None:
    parts = {"suite": manifest["suite"], "calibration": manifest["calibration"]}
    ways = list(ways_into(parts))
    draw, refused = random.Random(0), 0
    attempt(manifest)
    for _ in range(EDITS):
        way, value = draw.choice(ways), draw.choice([*VALUES, LEFT_OUT])
        try:
            attempt(edited(manifest, way, value))
        except PetMtlError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{'.'.join(map(str, way))} = {value!r}") from error
    assert EDITS / 3 < refused < EDITS  # most values are of a wrong type


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("plain.columns", {}),
        ("plain.columns", {"label": 1}),
        ("plain.patterns", ["{text}"]),
        ("plain.patterns", ["{mask}{other}"]),
        ("plain.patterns", ["{mask}{text}{task:above}"]),
        ("judged.patterns", ["{text}"]),
        ("judged.columns", {"label": 1}),
        ("above.levels", None),
        ("above.levels", "joint"),
        ("above.above", None),
        ("above.above.labels", ["zz"]),
        ("above.above.labels", ["a", "zz"]),
        ("above.above.labels", ["a", "a"]),
        ("above.above.lines", []),
        ("above.above.lines", [1]),
        ("above.above.words", []),
        ("above.above.words", [["红"], []]),
        ("above.verbalizer.lines", []),
        ("above.verbalizer.labels", ["a/x", "a/x/z", "b", "c/z"]),
    ],
)
def test_tasks_that_do_not_hold_together_are_damage(
    manifest: dict[str, Any],
    attempt: Callable[[dict[str, Any]], None],
    checkpoint: Path,
    way: str,
    value: object,
) -> None:
    changed = edited(manifest, ("suite", "tasks", *way.split(".")), value)
    with pytest.raises(PetMtlError, match="manifest is damaged") as caught:
        attempt(changed)
    assert caught.value.problems[0].where == str(checkpoint / MANIFEST)


@pytest.mark.parametrize(
    "calibration",
    [
        {"plain": {"kind": "prior", "bias": [1e300, 0.0], "rows": 1}},
        {"plain": {"kind": "prior", "bias": [0.1, 0.2, 0.3], "rows": 1}},
        {"marks": {"kind": "prior", "bias": [0.1, 0.2, 0.3], "rows": 1}},
    ],
)
def test_calibrations_that_no_task_has_are_damage(
    manifest: dict[str, Any],
    attempt: Callable[[dict[str, Any]], None],
    calibration: dict[str, object],
) -> None:
    with pytest.raises(PetMtlError, match="manifest is damaged"):
        attempt(edited(manifest, ("calibration",), calibration))
