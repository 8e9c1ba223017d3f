"""`benchmarks/scaling.py` on a toy model, and its chart."""

import importlib
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import toys

FOLDER = Path(__file__).parents[2] / "benchmarks"
PIECES = [*"这是一条新闻：文体财房车教科军旅国股农游好坏喜怒哀乐春夏秋冬东南西北天地山水火土木金"]


@pytest.fixture(scope="module")
def scaling() -> Any:
    sys.path.insert(0, str(FOLDER))  # as when it is run
    return importlib.import_module("scaling")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("toy") / "bert"
    toys.write_bert(folder, PIECES, max_position_embeddings=130)
    return str(folder)


@pytest.mark.slow
def test_points_are_measured_once_and_drawn(
    scaling: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str
) -> None:
    def run(axes: str) -> dict[str, Any]:
        given = ["scaling.py", "--quick", "--base", model, "--out", str(tmp_path / "scaling")]
        monkeypatch.setattr(sys, "argv", [*given, "--axes", axes])
        scaling.main()
        found: dict[str, Any] = json.loads((tmp_path / "scaling.json").read_text("utf-8"))
        return found

    first = run("rows=60:120")
    found = run("rows=60:120,words=4:8,lengths=1:2")
    for size in (60, 120):
        assert found["cells"][f"rows/{size}"] == first["cells"][f"rows/{size}"]
    assert not [cell for cell in found["cells"].values() if "failed" in cell]
    assert found["axes"]["rows"]["rows"] == [60, 120]
    (one,) = found["cells"]["lengths/2"]["rounds"]
    assert one["prompts_a_row"] == 2
    drawn = ET.parse(tmp_path / "scaling.svg").getroot()
    lines = drawn.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3 * len(importlib.import_module("scaling_axes").PARTS)
    assert "**rows**" in (tmp_path / "scaling.md").read_text("utf-8")


def test_a_square_has_slope_two(scaling: Any) -> None:
    table = importlib.import_module("scaling_table")
    assert table.slopes([1, 10, 100], [1.0, 100.0, 10_000.0]) == {"fit": 2.0, "last": 2.0}


def test_words_have_the_pieces_that_are_asked_for(scaling: Any, model: str) -> None:
    from pet_mtl.storage.pretrained import load_tokenizer

    tokenizer = load_tokenizer(model)
    words = scaling.make_words(PIECES, tokenizer, 12, 3)
    assert len({*words}) == 12
    pieces = [len(tokenizer.encode(word, add_special_tokens=False)) for word in words]
    assert pieces == [1, 2, 3] * 4


def test_a_point_stands_where_its_logarithm_is(scaling: Any) -> None:
    chart = importlib.import_module("log_chart")
    text = chart.charts([chart.Panel("t", [1, 10, 100], {"a": [1.0, 10.0, 100.0]})])
    dots = ET.fromstring(text).findall(".//{http://www.w3.org/2000/svg}circle")
    x, y = ([float(dot.get(name, "")) for dot in dots] for name in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1])
    assert y[0] - y[1] == pytest.approx(y[1] - y[2])
    assert y[0] > y[2]
