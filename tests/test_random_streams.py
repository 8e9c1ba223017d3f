"""Random streams: all named in one module, none made elsewhere, and their numbers are fixed."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

import pet_mtl
from pet_mtl import random_streams
from pet_mtl.random_streams import NumpyStream, PythonStream, TorchStream

PACKAGE = Path(pet_mtl.__file__).parent
FILES = [path for path in PACKAGE.rglob("*.py") if path.name != "random_streams.py"]
MAKERS = ("default_rng", "RandomState", "SeedSequence", "manual_seed", "random.Random", "Generator")
STREAMS = {
    name: stream
    for name, stream in vars(random_streams).items()
    if isinstance(stream, NumpyStream | TorchStream | PythonStream)
}


def test_nothing_else_makes_generators() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} calls {ast.unparse(node.func)}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(MAKERS)
    ]
    assert wrong == []


def test_every_stream_is_drawn_from() -> None:
    used = "".join(path.read_text("utf-8") for path in FILES)
    assert [name for name in STREAMS if f"{name}." not in used] == []


@pytest.mark.parametrize(
    ("name", "places", "key"),
    [
        ("EPOCH_ORDER", (7,), [42, 1, 7]),
        ("TASK_ROWS", (2, 7), [42, 2, 2, 7]),
        ("PRETRAINING_ORDER", (7,), [42, 3, 7]),
        ("FEW_SHOTS", (7,), [42, 3, 7]),
        ("SURGERY", (7,), [42, 4, 7]),
        ("ONE_TASK_ORDER", (7,), [42, 4, 7]),
        ("IMPORTANCE_ROWS", (7,), [42, 4, 7]),
        ("HYPOTHESES", (2, 7), [42, 5, 2, 7]),
        ("OTHER_TEACHERS", (2, 7), [42, 6, 2, 7]),
        ("VARIED_TEXTS", (2, 7), [42, 7, 2, 7]),
        ("RESAMPLED_ROWS", (), 42),
        ("CALIBRATION_ROWS", (), 42),
        ("TRIED_ROWS", (), 42),
        ("SUGGESTION_ROWS", (), 42),
    ],
)
def test_numbers_are_fixed(name: str, places: tuple[int, ...], key: int | list[int]) -> None:
    """Another number would change what the same seed gives."""
    stream = STREAMS[name]
    assert isinstance(stream, NumpyStream)
    drawn = stream.generator(42, *places).integers(1 << 40, size=8)
    assert drawn.tolist() == np.random.default_rng(key).integers(1 << 40, size=8).tolist()


def test_every_numpy_stream_has_its_number_held() -> None:
    held = test_numbers_are_fixed.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {name for name, *_ in held} == {
        name for name, stream in STREAMS.items() if isinstance(stream, NumpyStream)
    }


def test_torch_streams_are_the_seeds_own() -> None:
    expected = torch.rand(8, generator=torch.Generator().manual_seed(42))
    assert torch.equal(torch.rand(8, generator=random_streams.GATES.generator(42)), expected)
    with torch.random.fork_rng(devices=[]):
        random_streams.STEP.start(42)
        assert torch.equal(torch.rand(8), expected)
