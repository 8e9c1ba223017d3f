"""A task as an ONNX graph with all that is needed to run it."""

import importlib.resources
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pet_mtl.console import say
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.export.label_graph import LabelGraph, prompt_places
from pet_mtl.export.possible import require_graph
from pet_mtl.export.writing import writing
from pet_mtl.kinds import kind_of
from pet_mtl.random_streams import EXPORT_EXAMPLE
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.suite.task import TaskSpec

MODEL, INT8 = "model.onnx", "model.int8.onnx"
LABELS, RUN = "labels.json", "run.py"
OPSET = 20
TOLERANCE = 1e-3  # of log-probabilities, fp32 against fp32
_INPUTS = ("input_ids", "attention_mask", "slots")


def require_onnx() -> None:
    """Raise where the packages are not there.

    Raises:
        PetMtlError: onnx, onnxscript or onnxruntime is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise PetMtlError(
            f"`--format onnx` needs {error.name}", hint='install it: pip install "pet-mtl[onnx]"'
        ) from error


def fill_onnx(folder: Path, loaded: LoadedModel, task: TaskSpec, *, int8: bool) -> None:
    """Write a task's graph, tokenizer, labels and `run.py` into a folder.

    The graph has fp32 weights, takes `input_ids` and `attention_mask` `[B, G, L]` and `slots`
    `[B, G]` for any `B` and `L` (`G` prompts a row), and gives `log_probs` `[B, K]`, calibrated; of
    labels that are independent, their log-odds.

    Args:
        int8: write `model.int8.onnx` too, the weights of its products quantised.

    Raises:
        PetMtlError: the task cannot be exported, or a package is missing.
        RunError: the graph does not give what the model gives.
    """
    head = require_graph(loaded, task)
    require_onnx()
    compiled = loaded.compiled.of_task(task.name)
    bias = torch.zeros(len(task.verbalizer.labels))
    if task.name in loaded.calibration:
        bias = torch.tensor(loaded.calibration[task.name].bias)
    loaded.mlm.set_attn_implementation("eager")
    mlm, kind = loaded.mlm.cpu().float(), kind_of(task)
    graph = LabelGraph(mlm, head, compiled, task.aggregation, kind, bias).eval()
    longest = max(count for form in compiled.forms for count in form.masks)
    prompts = len(prompt_places(compiled.forms))
    _write_graph(folder / MODEL, graph, *_example(loaded, prompts, longest))
    if int8:
        _quantize(folder)
    how = writing(task, compiled.forms, loaded.tokenizer, loaded.suite.train.max_length)
    (folder / LABELS).write_text(json.dumps(how, ensure_ascii=False) + "\n", encoding="utf-8")
    loaded.tokenizer.tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    source = importlib.resources.files("pet_mtl.export").joinpath("standalone.py")
    (folder / RUN).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")


def _example(loaded: LoadedModel, prompts: int, longest: int) -> tuple[torch.Tensor, ...]:
    """Return inputs of two rows of random pieces, some of them padding, with room for the `longest`
    word's masks."""
    draw = EXPORT_EXAMPLE.generator(0)
    length = min(max(24, longest + 4), loaded.suite.train.max_length)
    slot = min(3, length - longest)
    ids = torch.randint(loaded.tokenizer.vocab_size, (2, prompts, length), generator=draw)
    mask = torch.ones_like(ids)
    mask[1, :, -5:] = 0
    ids[mask == 0] = loaded.tokenizer.pad_id
    return ids, mask, torch.full((2, prompts), slot)


def _write_graph(file: Path, graph: LabelGraph, *inputs: torch.Tensor) -> None:
    rows, length = torch.export.Dim("rows"), torch.export.Dim("length")
    long = {0: rows, 2: length}
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter about itself
            program = torch.onnx.export(
                graph,
                inputs,
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=list(_INPUTS),
                output_names=["log_probs"],
                dynamic_shapes={"input_ids": long, "attention_mask": long, "slots": {0: rows}},
            )
            assert program is not None
            program.save(str(file))
    finally:
        quiet.setLevel(level)
    more = tuple(torch.cat([each] * 3) for each in inputs)  # the graph is for any number of rows
    with torch.inference_mode():
        ours = graph(*more).numpy()
    theirs = _run(file, more)
    if not np.allclose(ours, theirs, atol=TOLERANCE):
        raise RunError(
            f"the graph's log-probabilities are off by {np.abs(ours - theirs).max():.3g}",
            where=str(file),
            hint="this model's family is not exported rightly by torch.onnx; use `pet-mtl serve`",
        )


def _run(file: Path, inputs: tuple[torch.Tensor, ...]) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    named = {name: of.numpy() for name, of in zip(_INPUTS, inputs, strict=True)}
    return session.run(["log_probs"], named)[0]


def _quantize(folder: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises on the root logger
    try:
        quantize_dynamic(
            folder / MODEL, folder / INT8, weight_type=QuantType.QInt8, per_channel=True
        )
    finally:
        root.setLevel(level)
    say(f"{INT8}: its scores differ a little from those of {MODEL}; compare them on your rows")
