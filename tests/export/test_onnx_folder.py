"""A task as ONNX: the same probabilities by onnxruntime alone."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import toys

import pet_mtl
from pet_mtl.cloze.encode import encode_forms
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.export import onnx_folder
from pet_mtl.export.run import export
from pet_mtl.export.writing import writing

for package in ("onnx", "onnxruntime", "onnxscript"):
    pytest.importorskip(package, reason="the extra `onnx` is not installed")

Make = Callable[..., Path]
TEXTS = ["一条新闻", "体育天气", "坏" * 50, "科", "[MASK] 好 [SEP]", "天 气，文化？", ""]
PAIRS = [{"one": a, "two": b} for a in TEXTS for b in TEXTS]


def standalone(folder: Path) -> ModuleType:
    """Import the `run.py` of an export."""
    spec = importlib.util.spec_from_file_location("run_of_export", folder / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_two_patterns_two_fields_three_word_lengths(make: Make, tmp_path: Path) -> None:
    """Everything that a graph can hold, against `pet_mtl.load`."""
    patterns = '["{mask}。{two}{one}", "{one}？{mask}，{two}"]'
    long = "一条新闻" * 6  # more pieces than the rows that the graph is traced with have else
    checkpoint = make(
        f"tasks.pair.patterns={patterns}",
        f'tasks.pair.verbalizer={{"0": [好, 真好], "1": [坏, {long}]}}',
        "train.max_length=40",
        "tasks.pair.pattern_weights=[1, 3]",
        "tasks.pair.aggregation=logsumexp",
    )
    folder = export(checkpoint, "pair", "onnx", tmp_path / "out", int8=True)
    names = {"model.onnx", "model.int8.onnx", "tokenizer.json", "labels.json", "run.py"}
    assert {file.name for file in folder.iterdir()} == names
    wanted = [p.probabilities for p in pet_mtl.load(checkpoint).predict(PAIRS, "pair")]
    module = standalone(folder)
    found = np.exp(module.Classifier().log_probs(PAIRS))
    np.testing.assert_allclose(found, [list(p.values()) for p in wanted], atol=1e-5)
    assert np.ptp(found[:, 0]) > 0.05  # not the same for every row
    rough = np.exp(module.Classifier("model.int8.onnx").log_probs(PAIRS))
    assert 1e-7 < np.abs(rough - found).max() < 0.1

    # as a user runs it, in another folder, with an argument of each kind
    texts = [
        "一条\t新闻",
        json.dumps({"one": "体育", "two": "天气"}, ensure_ascii=False),
        "{好\t是",
    ]
    command = [sys.executable, str(folder / "run.py"), *texts]
    for encoding in ("utf-8", "latin-1"):  # the latter cannot say the texts
        said = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=said)
        assert (done.returncode, "一条".encode() in done.stdout) == (0, encoding == "utf-8")
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    rows = [{"one": a, "two": b} for a, b in (("一条", "新闻"), ("体育", "天气"), ("{好", "是"))]
    for line, prediction in zip(lines, pet_mtl.load(checkpoint).predict(rows), strict=True):
        assert line["label"] == prediction.label
        assert line["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-5)
    assert [line["text"] for line in lines] == texts
    for wrong in ('{"one": null, "two": "好"}', "好", "好\t是\t真"):
        with pytest.raises(SystemExit, match="needs 2 fields"):
            module.Classifier.fields(None, wrong, ["one", "two"])
    assert module.Classifier.fields(None, "好\t是", ["one"]) == {"one": "好\t是"}
    for broken in ("好\t\udcff", r'{"one": "\ud83d", "two": "好"}'):
        with pytest.raises(SystemExit, match="is no text in UTF-8"):
            list(module.Classifier().predict([broken]))


def test_run_py_needs_three_packages() -> None:
    source = (Path(onnx_folder.__file__).parent / "standalone.py").read_text(encoding="utf-8")
    imported = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[
            0
        ]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - sys.stdlib_module_names == {"numpy", "onnxruntime", "tokenizers"}


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level", "metaspace", "bpe", "unigram"])
def test_prompts_are_written_as_in_training(kind: str, tmp_path: Path) -> None:
    """Ids of hostile texts, cut short and whole, without a model."""
    from pet_mtl.cloze.form import compile_forms
    from pet_mtl.export import standalone as written

    tokenizer = (
        toys.piece_tokenizer(kind)
        if kind in toys.MAKERS
        else PieceTokenizer(toys.fused_tokenizer(kind))
    )
    task = toys.make_task(
        ("{one} is {mask}. {two}", "{two}{mask}{one}"), {"a": ["good"], "b": ["bad", "good good"]}
    )
    forms = compile_forms(task, tokenizer, 32).forms
    how = writing(task, forms, tokenizer, 32)
    classifier = object.__new__(written.Classifier)
    classifier.how = json.loads(json.dumps(how))
    tokenizer.tokenizer.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    classifier.tokenizer = written.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    classifier.tokenizer.encode_special_tokens = True
    texts = ["good news", " bad", "[MASK] <mask> </s>", "", "体育 新闻", "good " * 40, "e\u0301a"]
    rows = [(one, two) for one in texts for two in texts]
    columns = {"one": [one for one, _ in rows], "two": [two for _, two in rows]}
    prompts = encode_forms(forms, {task.name: Rows.of(columns)}, tokenizer, 32)
    places = [(n, length) for n, form in enumerate(forms) for length in form.masks]
    for r, (one, two) in enumerate(rows):
        for (form, length), prompt in zip(places, classifier.how["prompts"], strict=True):
            item = int(np.flatnonzero((prompts.form == form) & (prompts.row == r))[0])
            ids = prompts.ids[prompts.starts[item] : prompts.starts[item + 1]].tolist()
            at = int(prompts.slot_at[item])
            ids[at:at] = [tokenizer.mask_id] * length
            assert classifier.write({"one": one, "two": two}, prompt) == (ids, at)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["method=heads"], "method `heads` scores with parts of its own"),
        (["method=cln"], "method `cln`"),
        (["tasks.pair.verbalizer_kind=weighted"], "verbalizer_kind: weighted"),
        (['tasks.pair.patterns="{soft:2}{mask}{one}{two}"'], "{soft:…}"),
    ],
)
def test_what_cannot_be_exported_is_told(
    make: Make, tmp_path: Path, overrides: list[str], reason: str
) -> None:
    with pytest.raises(PetMtlError) as error:
        export(make(*overrides), "pair", "onnx", tmp_path / "out")
    assert reason in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_graph_that_is_off_is_not_written(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Program:
        def save(self, file: str) -> None:
            Path(file).write_bytes(b"")

    monkeypatch.setattr(onnx_folder.torch.onnx, "export", lambda *_, **__: Program())
    monkeypatch.setattr(onnx_folder, "_run", lambda _, inputs: np.zeros((len(inputs[0]), 2)))
    with pytest.raises(RunError, match="the graph's log-probabilities are off"):
        export(make(), "pair", "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_use_is_told(make: Make, tmp_path: Path) -> None:
    checkpoint = make()
    with pytest.raises(PetMtlError, match="has several tasks"):
        export(checkpoint, None, "onnx", tmp_path / "out")
    with pytest.raises(PetMtlError, match="no task `other`"):
        export(checkpoint, "other", "onnx", tmp_path / "out")
    with pytest.raises(PetMtlError, match="not empty"):
        export(checkpoint, "pair", "onnx", checkpoint)
    with pytest.raises(PetMtlError, match="`--int8` is for"):
        export(checkpoint, "pair", "transformers", tmp_path / "out", int8=True)
