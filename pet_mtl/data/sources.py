"""Find the files that a source names: `sample:tnews/train`, a path, a glob."""

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from glob import glob
from pathlib import Path

from pet_mtl.data.files import not_regular
from pet_mtl.data.memory import MEMORY, NO_FILE
from pet_mtl.errors import PetMtlError
from pet_mtl.paths import user_path
from pet_mtl.resources import resource_root, sample_file

WILDCARDS = "*?["


def find_files(source: str, base: Path) -> list[Path]:
    """Return the files of a source in sorted order; relative paths start from `base`.

    A glob gives a file once, whatever links to it or to its folder the glob matches, too.

    Raises:
        PetMtlError: nothing is there.
    """
    if source.startswith("sample:"):
        return [_sample(source)]
    if source == MEMORY:
        raise PetMtlError(
            NO_FILE,
            hint="name rows: `score` takes `--data TASK=FILE`, other commands `--patterns FILE`; "
            "`contextual` and `pmi` calibrations need none",
        )
    known = user_path(source) if source.startswith("~") else Path(source)
    path = base / known
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # a loop of links, a NUL, a name too long
        reason = getattr(error, "strerror", None) or str(error)
        raise PetMtlError(f"cannot be read: {reason}", where=source) from error
    if path.is_file():
        return [path]
    if path.is_dir():
        inside = (file for file in sorted(path.glob("*")) if file.is_file())
        example = known / f"*{next(inside, Path('all.csv')).suffix}"
        hint = f"name a file or write a glob such as `{example}`"
        raise PetMtlError(f"`{source}` is a folder", where=str(path), hint=hint)
    if path.exists():
        raise not_regular(path)
    if any(character in source for character in WILDCARDS):
        files = sorted(filter(Path.is_file, _matches(known.parts, base)), reverse=True)
        if files:  # of several names the first
            return sorted({os.path.realpath(file): file for file in files}.values())
    raise PetMtlError(
        f"no such data file: `{source}`", where=str(path), hint=_missing_hint(known, path)
    )


def _matches(pattern: Sequence[str], base: Path) -> Iterator[Path]:
    """Yield what the parts of a glob match."""
    if "**" not in pattern:
        # `Path.glob` takes no absolute pattern, and the base folder's own name may hold a bracket.
        yield from (base / match for match in glob(str(Path(*pattern)), root_dir=base))  # noqa: PTH207
        return
    place = pattern.index("**")
    for top in _matches(pattern[:place], base) if place else [base]:
        for folder in _folders(top):
            yield from _matches(pattern[place + 1 :] or ["*"], folder)


def _folders(top: Path) -> Iterator[Path]:
    """Yield a folder and those below it that are not hidden, also behind links, which may lead in
    circles: each once."""
    seen: set[str] = set()
    for folder, below, _ in os.walk(top, followlinks=True):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if (real := os.path.realpath(folder)) in seen:
            below.clear()
        else:
            seen.add(real)
            yield Path(folder)


def _sample(source: str) -> Path:
    name = source.removeprefix("sample:")
    path = sample_file(name)
    if path.is_file():
        return path
    folder = resource_root() / "assets" / "samples"
    known = sorted(
        file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.tsv")
    )
    names = ", ".join(f"`sample:{name}`" for name in known) or "none"
    raise PetMtlError(f"no sample data `{name}`", where=source, hint=f"the package holds {names}")


def _missing_hint(source: Path, path: Path) -> str:
    hints = []
    folder = path.parent
    if path.is_symlink():
        hints.append(f"it is a link to `{path.readlink()}`, which is not there")
    elif folder.is_dir():
        names = sorted(entry.name for entry in folder.iterdir())
        near = get_close_matches(path.name, names, n=3) or names[:5]
        if near:
            hints.append(f"`{folder}` holds {', '.join(f'`{name}`' for name in near)}")
    else:
        hints.append(f"there is no folder `{folder}`")
    if source != path:  # files of `--data` are relative to the working directory
        hints.append("`--data-root DIR` says where relative data paths start")
    return "; ".join(hints)
