"""`benchmarks/fewclue.py` on a made-up data root with a toy model."""

import importlib.util
import json
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest
import toys

from pet_mtl.errors import PetMtlError

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fewclue.py"
PIECES = [*list("所以可能评论对话：。，？很好满意差失望总之是的相同不两句意思错吗说天地山水"), "一"]
QUICK = ("-s", "train.max_steps=2", "-s", "train.precision=fp32")


@pytest.fixture(scope="module")
def fewclue() -> Any:
    spec = importlib.util.spec_from_file_location("fewclue_benchmark", SCRIPT)
    assert spec
    assert spec.loader
    sys.path.insert(0, str(SCRIPT.parent))  # as when it is run
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("toy") / "bert"
    toys.write_bert(folder, PIECES, max_position_embeddings=160)
    return str(folder)


@pytest.fixture
def two_splits(fewclue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer models are as good for what does not depend on the number of splits."""
    monkeypatch.setattr(fewclue, "SPLITS", range(2))


def write(file: Path, rows: list[dict[str, object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    file.write_text("".join(lines), encoding="utf-8")


def review(number: int, label: str) -> dict[str, object]:
    return {"id": number, "sentence": "天地山水"[number % 4] * (number + 1), "label": label}


def reviews(first: int) -> list[dict[str, object]]:
    return [review(first + n, ("Positive", "Negative")[n % 2]) for n in range(4)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for split in range(5):
        write(root / "eprstmt" / f"train_{split}.json", reviews(8 * split))
        write(root / "eprstmt" / f"dev_{split}.json", reviews(8 * split + 4))
    return root


def run(fewclue: Any, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[Any, str]:
    """Return what stdout holds, as JSON, and stderr."""
    assert fewclue.main([*map(str, arguments), *QUICK, "--json"]) == 0
    shown = capsys.readouterr()
    return json.loads(shown.out), shown.err


def test_json_holds_mean_sd_and_splits(
    fewclue: Any, model: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data-root", root, "--model", model, "--out", tmp_path / "out")
    found, _ = run(fewclue, capsys, *arguments)
    assert set(found) == {"tasks"}
    assert set(found["tasks"]) == {"eprstmt"}
    scores = found["tasks"]["eprstmt"]
    assert set(scores) == {"mean", "sd", "splits"}
    assert len(scores["splits"]) == 5
    assert all(value in (0, 0.25, 0.5, 0.75, 1) for value in scores["splits"])
    assert scores["mean"] == pytest.approx(sum(scores["splits"]) / 5)
    squares = sum((value - scores["mean"]) ** 2 for value in scores["splits"])
    assert scores["sd"] == pytest.approx((squares / 4) ** 0.5)  # the sample's
    # nothing is trained again, and a kept result counts
    file = next((tmp_path / "out").glob("eprstmt-3-*.json"))
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "accuracy": {"eprstmt": 0.125}}))
    fewclue_train, fewclue.train = fewclue.train, None
    try:
        again, _ = run(fewclue, capsys, *arguments)
    finally:
        fewclue.train = fewclue_train
    assert again["tasks"]["eprstmt"]["splits"] == [
        *scores["splits"][:3],
        0.125,
        scores["splits"][4],
    ]


@pytest.mark.usefixtures("two_splits")
def test_test_rows_take_the_place_of_dev_rows(
    fewclue: Any, model: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [review(n, "Positive") for n in range(50, 57)]
    write(tmp_path / "test" / "eprstmt" / "test_public.json", rows)
    for file in (root / "eprstmt").glob("dev_*.json"):
        file.unlink()
    found, _ = run(
        fewclue, capsys, "--data-root", root, "--test-root", tmp_path / "test", "--model", model
    )
    sevenths = [value * 7 for value in found["tasks"]["eprstmt"]["splits"]]
    assert sevenths == pytest.approx([round(value) for value in sevenths])


def test_without_dev_files_the_other_splits_are_scored(fewclue: Any, root: Path) -> None:
    for file in (root / "eprstmt").glob("dev_*.json"):
        file.unlink()
    write(root / "eprstmt" / "train_1.json", [*reviews(8), *reviews(0)[:3]])  # three of split 0
    chosen = fewclue.parse(["--data-root", str(root)])
    files = fewclue.rows_to_score(root, None, "eprstmt", 0)
    assert [file.name for file in files] == [f"train_{split}.json" for split in (1, 2, 3, 4)]
    task = fewclue.split_suite(chosen, ("eprstmt",), 0).tasks["eprstmt"]
    rows = fewclue.read_scored(task, files, root / "eprstmt" / "train_0.json")
    assert len(rows) == 16
    trained = {row["sentence"] for row in reviews(0)}
    assert not trained & set(rows.fields["sentence"].to_pylist())


def test_rows_without_agreement_are_left_out(fewclue: Any, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "test.json"
    write(file, [*reviews(60), review(70, "-")])
    with file.open("a", encoding="utf-8") as opened:  # as others write JSON
        opened.write('{"label":"-","id":71,"sentence":"天"}\n')
    chosen = fewclue.parse(["--data-root", str(root)])
    task = fewclue.split_suite(chosen, ("eprstmt",), 0).tasks["eprstmt"]
    train = root / "eprstmt" / "train_0.json"
    assert len(fewclue.read_scored(task, [file], train)) == 4
    write(file, [review(70, "-")])
    with pytest.raises(PetMtlError, match="no row is left to score"):
        fewclue.read_scored(task, [file], train)
    write(file, [review(70, "-"), review(71, "good")])
    with pytest.raises(PetMtlError, match=r"test\.json:2: .*good"):
        fewclue.read_scored(task, [file], train)


def test_all_rows_are_read_before_a_model_is_trained(
    fewclue: Any, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / "eprstmt" / "dev_4.json"
    write(file, [{"id": 1, "sentence": "天"}])
    monkeypatch.setattr(fewclue, "train", None)
    assert fewclue.main(["--data-root", str(root), "--json"]) == 2
    assert f"{file}:1: no key `label`" in capsys.readouterr().err


def test_a_result_is_that_of_the_weights_and_the_unlabelled_rows(
    fewclue: Any, model: str, root: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(model, tmp_path / "bert")
    unlabelled = root / "eprstmt" / "unlabeled.json"
    write(unlabelled, [review(1, "")])
    arguments = ["--data-root", str(root), "--model", str(copied), "--unlabelled"]
    chosen = fewclue.parse(arguments)
    suite = fewclue.split_suite(chosen, ("eprstmt",), 0)
    found = [fewclue.digest(chosen, suite, 0)]
    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1  # as large as before
    weights.write_bytes(content)
    found.append(fewclue.digest(chosen, suite, 0))
    write(unlabelled, [review(2, "")])
    found.append(fewclue.digest(chosen, suite, 0))
    assert len({*found}) == 3


@pytest.mark.usefixtures("two_splits")
def test_one_joint_model_and_a_table(
    fewclue: Any, model: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in range(5):
        for part in ("train", "dev"):
            rows: list[dict[str, object]] = [
                {"sentence1": "天" * (n + 1), "sentence2": "地" * (split + 1), "label": str(n % 2)}
                for n in range(4)
            ]
            write(root / "bustm" / f"{part}_{split}.json", rows)
    arguments = ["--data-root", str(root), "--model", model, "--joint", "--efl", *QUICK]
    assert fewclue.main([*arguments, "--tasks", "bustm,eprstmt"]) == 0
    table = capsys.readouterr().out
    assert "| accuracy | bustm | eprstmt |" in table
    assert "PET, RoBERTa-wwm-ext base | – | 86.7 |" in table
    assert "backbones differ" in table
    assert "sample sd" in table


@pytest.mark.parametrize(
    ("tasks", "epochs", "rate"),
    [
        (["bustm"], 10, 5e-5),
        (["eprstmt", "bustm"], 10, 5e-5),
        (["eprstmt", "ocnli"], 10, 2e-4),  # `auto`, before it is known how few the rows are
        (["ocnli", "tnews"], 10, 2e-4),
        (["tnews"], 3, 2e-4),
    ],
)
def test_a_joint_model_has_the_settings_that_all_its_tasks_have(
    fewclue: Any, root: Path, tasks: list[str], epochs: int, rate: float
) -> None:
    chosen = fewclue.parse(["--data-root", str(root), "--model", "zh-small"])
    train = fewclue.split_suite(chosen, tasks, 0).train
    assert (train.epochs, train.learning_rate) == (epochs, rate)


@pytest.mark.slow
@pytest.mark.usefixtures("two_splits")
@pytest.mark.parametrize(
    ("teachers", "told"),
    [("ipet", "9 unlabelled rows are learned"), ("untrained", "soft labels")],
)
def test_unlabelled_rows_are_learned_from_teachers(
    fewclue: Any,
    model: str,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    teachers: str,
    told: str,
) -> None:
    write(root / "eprstmt" / "unlabeled.json", [{"sentence": "山" * n + "天"} for n in range(9)])
    found, said = run(
        fewclue, capsys, "--data-root", root, "--model", model, "--unlabelled", teachers
    )
    assert len(found["tasks"]["eprstmt"]["splits"]) == 2
    assert told in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data-root", "{nowhere}"], "there is no such folder"),
        (["--data-root", "{empty}"], "no folder of any FewCLUE task"),
        (["--data-root", "{root}", "--test-root", "{empty}"], "--test-root"),
        (["--data-root", "{root}", "--test-root", "{root}"], "tasks that `--test-root` has"),
        (["--data-root", "{root}", "--out", "{root}/eprstmt/dev_0.json"], "not a folder"),
        (["--data-root", "{root}", "--tasks", "cluewsc"], "no FewCLUE task `cluewsc`"),
        (["--data-root", "{root}", "--tasks", "bustm"], "bustm/train_0.json: there is no such"),
        (["--data-root", "{broken}"], "train_2.json: there is no such file"),
        (["--data-root", "{broken}"], "dev_4.json: there is no such file"),
        (["--data-root", "{root}", "--unlabelled"], "`eprstmt` has no unlabelled rows"),
        (["--data-root", "{root}", "--unlabelled", "--joint"], "leave one of both out"),
    ],
)
def test_what_is_wrong_is_said(
    fewclue: Any,
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    places = {"root": root, "empty": tmp_path / "empty", "nowhere": tmp_path / "nowhere"}
    places["empty"].mkdir()
    if "{broken}" in arguments:
        (root / "eprstmt" / "train_2.json").unlink()
        (root / "eprstmt" / "dev_4.json").unlink()
        places["broken"] = root
    filled = [text.format(**places) for text in arguments]
    assert fewclue.main([*filled, "--json"]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert not shown.out


def test_sd_is_that_of_a_sample(fewclue: Any) -> None:
    values = [0.5, 0.6, 0.9, 0.4, 0.7]
    found = fewclue.summary(values)
    assert found["sd"] == pytest.approx(statistics.stdev(values))
    assert found["splits"] == values
