"""Tensors out of files that anyone may have written."""

from pathlib import Path

import numpy as np
import pytest
import torch
import toys
from safetensors.torch import load_file, save_file

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.pretrained import load_masked_lm
from pet_mtl.storage.tensors import check_finite, is_sorted, read_arrays, read_tensors


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\xff" * 64, None])
def test_damage_is_one_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "t.safetensors"
    if content is not None:
        file.write_bytes(content)
    for read in (read_tensors, read_arrays):
        with pytest.raises(PetMtlError) as caught:
            read(file)
        assert str(file) in str(caught.value)


def test_keys() -> None:
    assert is_sorted(np.array([1, 5], np.uint64))
    assert is_sorted(np.array([], np.uint64))
    for wrong in (np.array([5, 1], np.uint64), np.array([1, 5]), np.array([[1]], np.uint64)):
        assert not is_sorted(wrong)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_that_are_no_numbers(tmp_path: Path, value: float, dtype: torch.dtype) -> None:
    whole = {"a": torch.ones(3, dtype=dtype), "n": torch.tensor([1 << 40])}
    file = tmp_path / "t.safetensors"
    save_file(whole, file)
    read_tensors(file)
    spoilt = torch.ones(2, 5, dtype=dtype)
    spoilt[1, 2] = value
    save_file(whole | {"b": spoilt}, file)
    with pytest.raises(PetMtlError, match=f"{file}: the weights `b` are not all finite"):
        read_tensors(file)


def test_the_largest_numbers_are_numbers() -> None:
    """Their sum is none."""
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        check_finite([("a", torch.full((9,), torch.finfo(dtype).max, dtype=dtype))], Path())


def test_the_file_of_a_folder_is_named(tmp_path: Path) -> None:
    mlm = toys.build_mlm("bert")
    with torch.no_grad():
        mlm.cls.predictions.bias[0] = float("nan")
    for size, file in (("100GB", "model.safetensors"), ("30KB", None)):
        folder = tmp_path / size
        mlm.save_pretrained(folder, max_shard_size=size)
        with pytest.raises(PetMtlError) as caught:
            load_masked_lm(str(folder))
        where = Path(caught.value.problems[0].where or "")
        assert where.name == file or "-of-" in where.name
        assert "cls.predictions.bias" in load_file(where)
