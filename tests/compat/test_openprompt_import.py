"""Importing OpenPrompt: only when asked for, nothing of what it needs left behind, a clear word
where it is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from pet_mtl.compat import openprompt_import
from pet_mtl.errors import PetMtlError

installed = pytest.mark.skipif(
    bool(openprompt_import.missing_packages()), reason=openprompt_import.INSTALL
)


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@installed
def test_nothing_is_left_behind() -> None:
    out = python(
        "import sys, transformers; path = list(sys.path)\n"
        "from pet_mtl.compat.openprompt_import import import_openprompt as load\n"
        "package = load(); assert load() is package is sys.modules['openprompt']\n"
        "import transformers, transformers.tokenization_utils as tokenization\n"
        "missing = ['transformers.generation_utils', 'transformers.data.processors.utils']\n"
        "print(sys.path == path, hasattr(transformers, 'AdamW'), hasattr(tokenization, "
        "'SPECIAL_TOKENS_MAP_FILE'),\n"
        "      any(name in sys.modules for name in missing))\n"
    )
    assert out == "True False False False"


def test_never_imported_at_start() -> None:
    modules = "pet_mtl.cli.main, pet_mtl.compat, pet_mtl.scoring.checkpoint_scores"
    assert python(f"import sys, {modules}; print('openprompt' in sys.modules)") == "False"


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openprompt_import, "_NEEDS", ("openprompt_that_is_missing", "json"))
    with pytest.raises(PetMtlError, match=("`openprompt_that_is_missing` not installed")) as caught:
        openprompt_import.import_openprompt()
    assert "pip install openprompt==0.1.1" in (caught.value.problems[0].hint or "")


@installed
def test_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openprompt_import, "VERSION", "0.0.9")
    with pytest.raises(PetMtlError, match=r"openprompt 0\.1\.1 is installed, not 0\.0\.9"):
        openprompt_import.import_openprompt()


def test_the_extra_names_all_that_is_needed() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("openprompt = ")]
    assert f'"openprompt=={openprompt_import.VERSION}"' in line
    assert all(f'"{name}' in line for name in openprompt_import._NEEDS)
