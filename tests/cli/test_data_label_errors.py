"""`data check --model CHECKPOINT`: rows whose label the model contradicts."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def test_rows_that_were_trained_on_are_marked(call: Call, checkpoint: Path, suite: Path) -> None:
    ran = call("data", "check", "--patterns", suite, "--model", checkpoint, "--json")
    assert ran.code == 0, ran.err
    found = ran.json["label_errors"]
    assert found["models"] == [str(checkpoint)]
    parts = {(part["task"], part["part"]): part for part in found["parts"]}
    assert parts["topic", "train"]["trained_on"] == parts["topic", "train"]["rows"]
    assert parts["topic", "dev"]["trained_on"] == 0
    told = {each["about"]: each for each in ran.json["findings"] if each["check"] == "label_errors"}
    assert set(told) == {"/".join(part) for part in parts}  # also where nothing is suspected
    assert "learned the labels" in told["topic/train"]["hint"]
    for row in found["rows"]:
        assert row["label"] != row["suggested"]
        assert row["trained_on"] is (row["part"] == "train")
        path, line = row["where"].rsplit(":", 1)
        text = Path(path).read_text("utf-8").splitlines()[int(line) - 1]
        assert row["text"].split(" ／ ")[0] in text
    assert ran.json["tasks"]["topic"]["train"]["tokens"]["max_length"]  # lengths as before


def test_the_probabilities_are_those_of_predict(call: Call, checkpoint: Path, suite: Path) -> None:
    """Labels turned round in the dev file: every row is suspected or in doubt, none is made up."""
    dev = suite.parent / "topic.dev.tsv"
    ran = call("data", "check", "--patterns", suite, "--model", checkpoint, "--json", "--most", 99)
    rows = [
        row
        for row in ran.json["label_errors"]["rows"]
        if (row["task"], row["part"]) == ("topic", "dev")
    ]
    of_predict = call(
        "predict", checkpoint, "--data", f"topic={dev}", "--out", "-", "--probabilities", "--json"
    ).json["predictions"]
    for row in rows:
        p = of_predict[row["row"] - 1]["probabilities"]
        assert row["probability"] == pytest.approx(p[row["suggested"]], abs=1e-5)
        assert row["label_probability"] == pytest.approx(p[row["label"]], abs=1e-5)
    part = next(
        part
        for part in ran.json["label_errors"]["parts"]
        if (part["task"], part["part"]) == ("topic", "dev")
    )
    assert part["suspected"] == len(rows)


def test_most_caps_each_part_and_the_table_shows_them(
    call: Call, checkpoint: Path, suite: Path
) -> None:
    ran = call("data", "check", "--patterns", suite, "--model", checkpoint, "--most", 1)
    assert ran.code == 0, ran.err
    more = call("data", "check", "--patterns", suite, "--model", checkpoint, "--most", 1, "--json")
    rows = more.json["label_errors"]["rows"]
    assert len({(row["task"], row["part"]) for row in rows}) == len(rows)
    assert rows
    assert "suspected label (* trained on)" in ran.out
    for row in rows:
        assert Path(row["where"]).name in ran.out


def test_without_a_pattern_file_the_checkpoints_own(
    call: Call, checkpoint: Path, trained: Path
) -> None:
    ran = call("data", "check", "--model", checkpoint, "--json")
    assert ran.code == 0, ran.err
    assert set(ran.json["tasks"]) == {"topic", "pair"}
    assert "label_errors" in ran.json
    assert "label_errors" not in call("data", "check", "--patterns", "default", "--json").json


def test_unknown_training_rows_and_other_labels_are_said(
    call: Call, checkpoint: Path, suite: Path
) -> None:
    (checkpoint / "trained_on.safetensors").unlink()
    text = suite.read_text("utf-8")
    manifest = json.loads((checkpoint / "pet_mtl.json").read_text("utf-8"))
    for key, value in manifest.items():
        if isinstance(value, dict) and "trained_on.safetensors" in value:
            del manifest[key]["trained_on.safetensors"]
    (checkpoint / "pet_mtl.json").write_text(json.dumps(manifest), "utf-8")
    suite.write_text(text.replace("  pair:", "  other:"), "utf-8")
    ran = call("data", "check", "--patterns", suite, "--model", checkpoint, "--json")
    assert ran.code == 0, ran.err
    notes = " ".join(ran.json["label_errors"]["notes"])
    assert "does not say what it was trained on" in notes
    assert "has no task `other`" in notes


def test_wrong_models(
    refuse: Callable[..., str], checkpoint: Path, suite: Path, backbone: Path
) -> None:
    check = ("data", "check", "--patterns", suite)
    assert "is no checkpoint" in refuse(*check, "--model", checkpoint, "--model", str(backbone))
    shutil.rmtree(checkpoint / "absent", ignore_errors=True)
    file = next(checkpoint.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-1])
    refuse(*check, "--model", checkpoint)
