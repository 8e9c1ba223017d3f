"""`benchmarks/speed.py` on a toy model, and the arithmetic of its tables."""

import importlib
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import toys

from pet_mtl.suite.suite import load_suite

FOLDER = Path(__file__).parents[2] / "benchmarks"
PIECES = [
    *list("这是一条新闻：文体财房车教科军旅国股农游好坏喜怒哀乐春夏秋冬东南西北天地山水火土木金")
]


@pytest.fixture(scope="module", autouse=True)
def _scripts_are_found() -> Any:
    sys.path.insert(0, str(FOLDER))  # as when one of them is run
    yield
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("toy") / "bert"
    toys.write_bert(folder, PIECES, max_position_embeddings=130)
    return str(folder)


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str, *more: str) -> dict[str, Any]:
    speed = importlib.import_module("speed")
    given = ["speed.py", "--quick", "--base", model, "--out", str(tmp_path / "speed")]
    monkeypatch.setattr(sys, "argv", [*given, "--scratch", str(tmp_path / "made"), *more])
    speed.main()
    found: dict[str, Any] = json.loads((tmp_path / "speed.json").read_text("utf-8"))
    return found


@pytest.mark.slow
def test_all_measures_are_taken_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str
) -> None:
    found = run(monkeypatch, tmp_path, model, "--models", "base")
    cells = found["cells"]
    assert set(cells) == {
        *(f"{name}/base" for name in ("train", "score", "predict", "one-row", "encode", "words")),
        "start-up/help",
        "openprompt/base",
    }
    assert not [name for name, cell in cells.items() if "failed" in cell]
    assert cells["openprompt/base"]["left_out"]["OpenPrompt"]
    pairs = {(one["measure"], one["other"]): one for one in found["summary"]["pairs"]}
    one = pairs["train", "Trainer"]
    (turns,) = cells["train/base"]["rounds"]
    assert one["ratio"]["median"] == turns["ours"]["rate"] / turns["Trainer"]["rate"]
    one = pairs["one-row", "pipeline"]  # less is better: theirs by ours
    (turns,) = cells["one-row/base"]["rounds"]
    assert one["ratio"]["median"] == turns["pipeline"]["ms"] / turns["ours"]["ms"]
    (row,) = found["summary"]["one_row"]
    assert row["over_encoder"]["median"] > 1
    shares = found["summary"]["utilisation"]
    assert [(one["measure"], one["model"]) for one in shares] == [
        ("train", "base"),
        ("score", "base"),
    ]
    assert all(
        0 < one["utilisation_needed"]["median"] < one["utilisation"]["median"] for one in shares
    )
    assert "| training | base | Trainer |" in (tmp_path / "speed.md").read_text("utf-8")


@pytest.mark.slow
def test_what_is_measured_is_kept_and_the_rest_is_added(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str
) -> None:
    more = ("--models", "base,1x32", "--only", "encode,predict")
    first = run(monkeypatch, tmp_path, model, *more)["cells"]
    assert set(first) == {"encode/base", "predict/base", "predict/1x32"}
    again = run(monkeypatch, tmp_path, model, *more, "--rounds", "2")["cells"]
    for name, cell in again.items():
        assert len(cell["rounds"]) == 2
        assert cell["rounds"][0] == first[name]["rounds"][0]
    other = run(monkeypatch, tmp_path, model, *more, "--seconds", "0.01")["cells"]
    assert [len(cell["rounds"]) for cell in other.values()] == [1, 1, 1]


def test_a_row_costs_what_a_count_of_its_products_says() -> None:
    cost = importlib.import_module("speed_work").RowCost
    config = SimpleNamespace(hidden_size=6, intermediate_size=24, num_hidden_layers=3)
    products = 0
    for tokens in (5, 9):
        for _ in range(3):
            products += 4 * tokens * 6 * 6 + 2 * tokens * 6 * 24  # q, k, v, output; up and down
            products += 2 * tokens * tokens * 6  # scores and their sums
        products += 6 * 6
    assert cost(config, np.array([5, 9])).plain == 2 * products / 2
    assert cost(config, np.array([1])).needed == cost(config, np.array([1])).plain


def test_a_worker_that_ends_is_told_of() -> None:
    turns = importlib.import_module("turns")
    with pytest.raises(turns.SideError, match="ended: ValueError: no"):
        turns.Worker([sys.executable, "-c", "raise ValueError('no')"], 60)


def test_a_worker_that_does_not_answer_is_ended() -> None:
    turns = importlib.import_module("turns")
    with pytest.raises(turns.SideError, match=r"more than 0\.2 s"):
        turns.Worker([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)


def test_each_round_begins_with_another_side() -> None:
    turns = importlib.import_module("turns")
    order: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def turn(self) -> dict[str, Any]:
            order.append(self.name)
            return {}

        def close(self) -> dict[str, Any]:
            return {}

    kept: list[Any] = []
    turns.alternate({name: Named(name) for name in "ab"}, 3, kept.append, begin=1)
    assert "".join(order) == "baab"
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("file", "said"),
    [("scored.csv", "scored.csv: there is no such file"), ("suite.yaml", "suite.yaml: file not")],
)
def test_what_its_user_gave_wrongly_ends_a_script(
    file: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = importlib.import_module("turns")
    read = load_suite if file.endswith("yaml") else Path.read_text
    with pytest.raises(SystemExit) as ended:
        turns.run_script(lambda: read(Path("nowhere") / file))
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


DOCUMENTED = {
    ("train", "Trainer"): "| `Trainer`, as many tokens a step |",
    ("train", "Trainer, 32 rows"): "| `Trainer`, 32 rows a step |",
    ("train", "Trainer, 32 rows, fp32"): "| `Trainer`, 32 rows, fp32, as it comes |",
    ("score", "Trainer"): "| `Trainer.predict` |",
    ("score", "onnxruntime"): "| onnxruntime, fp32 |",
    ("score", "ours, fp32"): "| ours, fp32 |",
}


@pytest.mark.parametrize(("section", "figures"), [(0, "speed.json"), (1, "speed_amx.json")])
def test_the_page_has_the_ratios_that_were_measured(section: int, figures: str) -> None:
    text = (FOLDER.parent / "docs" / "speed.md").read_text(encoding="utf-8")
    page = text.split("### On a CPU with AMX")[section].splitlines()
    found = json.loads((FOLDER / "results" / figures).read_text(encoding="utf-8"))
    ratios = {
        (one["measure"], one["other"], one["model"]): one["ratio"]["median"]
        for one in found["summary"]["pairs"]
    }
    for (measure, other), start in DOCUMENTED.items():
        (line,) = (line for line in page if line.startswith(start))
        for model, shown in zip(
            ("base", "12x384", "12x768"), re.findall(r"\(([\d.]+)×\)", line), strict=True
        ):
            assert shown == f"{ratios[measure, other, model]:.1f}", (line, model)
