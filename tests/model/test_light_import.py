"""What the command line leaves out of transformers, and that the rest still works."""

import subprocess
import sys
from pathlib import Path

import toys

COMMAND = """
import sys
from pathlib import Path
import torch
from pet_mtl.model import light_import
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer, quiet_transformers
from pet_mtl.suite.settings import TrainSettings
from pet_mtl.stepping.optim import build_optimizer

light_import.wanted = True
load_tokenizer(sys.argv[1])
mlm = load_masked_lm(sys.argv[1])
optimizer = build_optimizer(TrainSettings(), mlm)
(mlm(input_ids=torch.ones(1, 4, dtype=torch.long)).logits ** 2).sum().backward()
optimizer.step()
optimizer.zero_grad()
with quiet_transformers():
    mlm.save_pretrained(sys.argv[2])
assert not {"scipy.optimize", "sympy", "torch._dynamo"} & sys.modules.keys(), "loaded"

from transformers.utils import is_scipy_available
from importlib.util import find_spec
assert is_scipy_available() == (find_spec("scipy") is not None), "still said to be missing"
assert torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(1)).item() == 2, "no compiler"

def load(folder):
    return load_masked_lm(folder).eval()

def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.arange(1, 8)[None]).logits

lightly = [load(folder) for folder in sys.argv[2:]]
light_import.wanted = False
for light, folder in zip(lightly, sys.argv[2:]):
    full = load(folder)
    for (name, mine), (_, theirs) in zip(light.named_buffers(), full.named_buffers(), strict=True):
        assert mine.device == theirs.device and torch.equal(mine, theirs), (folder, name)
    assert torch.equal(logits(light), logits(full)), folder
print("done")
"""


def run(code: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_command_loads_neither_compiler_nor_scipy(backbone: Path, tmp_path: Path) -> None:
    folders = [
        tmp_path / family
        for family in ("albert", "deberta-v2", "distilbert", "modernbert", "roberta")
    ]
    for folder in folders:
        toys.build_mlm(folder.name, 50).save_pretrained(folder)
    assert "done" in run(COMMAND, backbone, tmp_path / "saved", *folders)


def test_a_library_call_imports_in_full(backbone: Path) -> None:
    code = (
        "import sys; from pet_mtl.storage.pretrained import load_masked_lm; "
        "load_masked_lm(sys.argv[1]);print('torch._dynamo' in sys.modules)"
    )
    assert "True" in run(code, backbone)
