"""Files that come with the package: patterns, verbalizers, the embedded backbone, the sample
data."""

import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pet_mtl.paths import user_path


def own_version() -> str:
    """Return the version of this package, `unknown` where it runs from files that nothing
    installed."""
    try:
        return version("pet-mtl")
    except PackageNotFoundError:
        return "unknown"


@cache
def versions() -> dict[str, str]:
    """Return the versions of this package and of what reads and writes its models."""
    libraries = {name: version(name) for name in ("torch", "transformers")}
    return {"pet-mtl": own_version(), **libraries}


@cache
def resource_root() -> Path:
    """Return the folder that holds `patterns/`, `verbalizers/` and `assets/`: in the wheel, or the
    checkout's top."""
    bundled = Path(__file__).parent / "bundled"
    return bundled if bundled.is_dir() else Path(__file__).parent.parent


def bundled_pattern_file(name: str) -> Path:
    """Return the pattern file that ships under `name`, such as `default`."""
    return resource_root() / "patterns" / f"{name}.yaml"


def bundled_backbones() -> list[str]:
    """Return the names of the embedded backbones."""
    return sorted(path.parent.name for path in (resource_root() / "assets").glob("*/config.json"))


def bundled_backbone(name: str) -> Path | None:
    """Return the folder of an embedded backbone, or None where `name` is none."""
    folder = resource_root() / "assets" / name
    return folder if name in bundled_backbones() else None


def model_folder(name: str, base: Path | None = None) -> Path | None:
    """Return the folder that a model's name means; None where it can only be a hub name.

    Args:
        name: an embedded backbone's name, or a folder, relative to `base` or the working directory.
    """
    if folder := bundled_backbone(name):
        return folder
    path = user_path(name) if name.startswith("~") else Path(name)
    candidates = (*((base / path,) if base else ()), path)
    # `Path.is_dir` fails where a name is longer than any file's
    return next((f for f in candidates if name and os.path.isdir(f)), None)  # noqa: PTH112


def sample_file(name: str) -> Path:
    """Return the sample data file for `tnews/train` (written `sample:tnews/train` in a pattern
    file)."""
    return resource_root() / "assets" / "samples" / f"{name}.tsv"
