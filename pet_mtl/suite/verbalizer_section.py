"""The label words of a task of a pattern file: of a verbalizer file or written inline."""

import os
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.paths import user_path
from pet_mtl.suite.kind import Levels
from pet_mtl.suite.label_lines import LabelEntry
from pet_mtl.suite.levels import in_order, split_levels
from pet_mtl.suite.validation import found
from pet_mtl.suite.verbalizer import Verbalizer, build_verbalizer, read_verbalizer
from pet_mtl.suite.yaml_file import Document, Key


def task_words(
    values: dict[str, Any],
    replacement: Path | None,
    document: Document,
    key: Key,
    problems: ProblemList,
) -> Verbalizer | None:
    """Return the words of the labels of a section, or add the problems; words of what stands above
    the labels are noted in it."""
    words = _verbalizer(
        values.get("verbalizer"), replacement, document, key, problems, _apart(values)
    )
    return None if words is None else _with_levels(words, values, document, key, problems)


def _apart(values: dict[str, Any]) -> str | None:
    """Return the separator of levels that are scored one by one."""
    separator = values.get("level_separator", "/")
    by_level = values.get("levels") == "by_level" and isinstance(separator, str)
    return separator if by_level else None


def _with_levels(
    words: Verbalizer,
    values: dict[str, Any],
    document: Document,
    key: Key,
    problems: ProblemList,
) -> Verbalizer | None:
    """Return the verbalizer of the lowest labels, the words above them noted in `values`; add its
    problems."""
    levels, separator = values.get("levels"), values.get("level_separator", "/")
    # what else is wrong with these is said by their types
    if levels not in ("joint", "by_level") or not (isinstance(separator, str) and separator):
        return words
    if values.get("kind", "classification") != "classification":
        return words
    try:
        words, above = split_levels(words, cast(Levels, levels), separator)
    except PetMtlError as error:
        problems.extend(_placed(error, document, key))
        return None
    if above is not None:
        values["above"] = above
    return words


def _placed(error: PetMtlError, document: Document, key: Key) -> PetMtlError:
    """Give a place to problems of words that an override wrote, which have no line, and to those at
    some other places."""
    unknown = (f"{document.path}:0", document.path)
    return PetMtlError(
        [
            replace(item, where=document.where(key)) if item.where in unknown else item
            for item in error.problems
        ]
    )


def _verbalizer(
    value: Any,
    replacement: Path | None,
    document: Document,
    key: Key,
    problems: ProblemList,
    apart: str | None,
) -> Verbalizer | None:
    """Return the verbalizer of a file name or of inline words, or add its problems; a replacement
    for the same labels leaves them in their order, which may be that of a scale."""
    try:
        if replacement is not None:
            new = read_verbalizer(replacement, apart)
            own = _verbalizer(value, None, document, key, ProblemList(), apart)
            same = own is not None and {*own.labels} == {*new.labels}
            return in_order(new, own.labels) if own is not None and same else new
        if isinstance(value, dict):
            return _inline_verbalizer(value, document, key, apart)
        if isinstance(value, str) and value:
            return read_verbalizer(named_file(value, document, key, "verbalizer"), apart)
    except PetMtlError as error:
        problems.extend(error)
        return None
    if value is not None or key in document.lines or key in document.places:
        problems.add(
            f"`{'.'.join(map(str, key))}` must be a file name, or labels with their "
            f"words, found {found(value)}",
            where=document.where(key),
        )
    return None


def named_file(name: str, document: Document, key: Key, what: str) -> Path:
    """Return the file that `name` means, seen from the pattern file's folder."""
    raw = Path(document.path).parent / user_path(name, document.where(key))
    tidy = Path(os.path.normpath(raw))
    try:
        # `a/../b` is not `b` where `a` is a link
        path = tidy if not raw.exists() or (tidy.exists() and tidy.samefile(raw)) else raw
        exists = path.exists()
    except OSError as error:  # such as one that is too long, for it is the words themselves
        raise PetMtlError(
            f"{what} file `{name}` cannot be read: {error.strerror}",
            where=document.where(key),
            hint="is this the name of a file?",
        ) from error
    if not exists:
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        names = sorted(item.name for item in beside if item.is_file())
        near = get_close_matches(path.name.lower(), names, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "the path is relative to the pattern file"
        raise PetMtlError(f"{what} file `{path}` not found", where=document.where(key), hint=hint)
    return path


def _inline_verbalizer(
    section: dict[str, Any], document: Document, key: Key, apart: str | None
) -> Verbalizer:
    """Return the verbalizer that is written in the pattern file itself."""
    problems = ProblemList()
    entries = []
    for label, value in section.items():
        words = value if isinstance(value, list) else [] if value is None else [value]
        for index, word in enumerate(words):
            if not isinstance(word, str):
                place = (*key, label, index) if isinstance(value, list) else (*key, label)
                hint = "put it in quotes" if isinstance(word, int | float) else None
                problems.add(
                    f"a label word must be text, found {found(word)}",
                    where=document.where(place),
                    hint=hint,
                )
        line = document.line((*key, label)) or document.line(key)
        entries.append(
            LabelEntry(label, tuple(word for word in words if isinstance(word, str)), line)
        )
    problems.raise_if_any()
    try:
        # What a program gives has no lines: there the key is the place.
        source = document.path if document.lines else document.where(key)
        return build_verbalizer(entries, source, apart=apart)
    except PetMtlError as error:
        raise _placed(error, document, key) from None
