"""One task of a pattern file: the rules between its keys, checked where the lines are known, then a
TaskSpec."""

import re
from pathlib import Path
from typing import Any

from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.suite.kind import KINDS
from pet_mtl.suite.openprompt_template import is_template, pattern_from_template, patterns_from_file
from pet_mtl.suite.pattern import LABEL_NAME, MASK_NAME, parse_pattern
from pet_mtl.suite.task import ID_COLUMN, LABEL_COLUMN, TaskSpec
from pet_mtl.suite.validation import found, validate
from pet_mtl.suite.verbalizer_section import named_file, task_words
from pet_mtl.suite.yaml_file import Document, Key

_STATING = [name for name, facts in KINDS.items() if facts.hypotheses]
# what the file says in another place
_NO_KEYS = {
    "name": "the task's name is its key",
    "above": "words of upper levels stand in the verbalizer, beside those of the labels",
}
TASK_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def build_task(
    name: str, section: Any, document: Document, verbalizer: Path | None, problems: ProblemList
) -> TaskSpec | None:
    """Return the task of a section, or add its problems and return None; `verbalizer` replaces the
    section's own."""
    key: Key = ("tasks", name)
    before = len(problems.problems)
    if not TASK_NAME.fullmatch(name):
        problems.add(
            f"`{name}` is not a task name",
            where=document.where(key),
            hint=(
                "use lower-case letters a-z, digits, `_` and `-`, and start with a letter or digit"
            ),
        )
    if not isinstance(section, dict):
        problems.add(
            f"task `{name}` must have keys and values, found {found(section)}",
            where=document.where(key),
        )
        return None
    values = {known: value for known, value in section.items() if known not in _NO_KEYS}
    for unknown, hint in _NO_KEYS.items():
        if unknown in section:
            problems.add(
                f"unknown key `{unknown}`", where=document.where((*key, unknown)), hint=hint
            )
    _check_prefix(values.get("prefix"), document, (*key, "prefix"), problems)
    before_patterns, templates_fine = len(problems.problems), True
    if "patterns" in values:
        values["patterns"] = _from_templates(
            values["patterns"], document, (*key, "patterns"), problems
        )
        templates_fine = len(problems.problems) == before_patterns
    columns = values.get("columns")
    columns_fine = "columns" in values and _check_columns(
        columns, document, (*key, "columns"), problems
    )
    _check_patterns(
        values.get("patterns"),
        columns if columns_fine else None,
        document,
        (*key, "patterns"),
        problems,
        values.get("kind") in _STATING,
    )
    words = task_words(values, verbalizer, document, (*key, "verbalizer"), problems)
    done = {"name"} if templates_fine else {"name", "patterns"}
    if not _check_metric(values, document, (*key, "metric"), problems):
        done.add("metric")
    if words is not None:
        values["verbalizer"] = words
    elif "verbalizer" in values or verbalizer is not None:
        done.add("verbalizer")
    if "columns" in values and not columns_fine:
        done.add("columns")
    task = validate(TaskSpec, {"name": name, **values}, document, key, problems, frozenset(done))
    return task if len(problems.problems) == before else None


def _check_prefix(prefix: Any, document: Document, key: Key, problems: ProblemList) -> None:
    if isinstance(prefix, str) and re.search(r"[{}]", prefix):
        problems.add(
            f"the prefix `{prefix}` holds a brace",
            where=document.where(key),
            hint="a prefix is plain text; fields and `{mask}` go into `patterns`",
        )


def _check_columns(columns: Any, document: Document, key: Key, problems: ProblemList) -> bool:
    """Check the columns and tell whether they are fine."""
    before = len(problems.problems)
    if not isinstance(columns, dict):
        problems.add(
            (f"`{'.'.join(map(str, key))}` must map fields to columns, found {found(columns)}"),
            where=document.where(key),
            hint="for example: columns: {title: 1, label: 2}",
        )
        return False
    taken: dict[int | str, str] = {}
    for name, column in columns.items():
        where = document.where((*key, name))
        if name == MASK_NAME:
            problems.add(
                "no column can be called `mask`",
                where=where,
                hint="`{mask}` is the place of the label word",
            )
        elif not name.isidentifier():
            problems.add(
                f"`{name}` is not a field name",
                where=where,
                hint="use letters, digits and `_`, no digit at the start",
            )
        if isinstance(column, bool) or not isinstance(column, int | str) or column == "":
            problems.add(
                (f"column `{name}` must be a position (from 0) or a name, found {found(column)}"),
                where=where,
                hint=(
                    "a file without a header has positions, one with a header (or JSON keys) names"
                ),
            )
        elif isinstance(column, int) and column < 0:
            problems.add((f"column `{name}` must be 0 or more, found `{column}`"), where=where)
        elif column in taken:
            problems.add(
                (f"columns `{taken[column]}` and `{name}` are both `{column}`"), where=where
            )
        else:
            taken[column] = name
    if len({isinstance(column, str) for column in taken}) > 1:
        problems.add(
            "columns mix positions and names",
            where=document.where(key),
            hint="use positions for a file without a header, names for one with a header",
        )
    if LABEL_COLUMN not in columns:
        problems.add(
            "no `label` column",
            where=document.where(key),
            hint="say where the labels are: columns: {…, label: 2}",
        )
    if not set(columns) - {LABEL_COLUMN, ID_COLUMN}:
        problems.add(
            "no text column",
            where=document.where(key),
            hint="name a field, for example: columns: {text: 1, …}",
        )
    return len(problems.problems) == before


def _from_templates(patterns: Any, document: Document, key: Key, problems: ProblemList) -> Any:
    """Turn OpenPrompt templates, and `.txt` files of them, into patterns or problems; leave all
    else as it is."""
    if isinstance(patterns, list):
        done = [
            _from_templates(item, document, (*key, index), problems)
            for index, item in enumerate(patterns)
        ]
        return [part for item in done for part in (item if isinstance(item, list) else [item])]
    try:
        if isinstance(patterns, str) and re.fullmatch(r"[^{}\n]+\.txt", patterns):
            return patterns_from_file(named_file(patterns, document, key, "template"))
        return (
            pattern_from_template(patterns)
            if isinstance(patterns, str) and is_template(patterns)
            else patterns
        )
    except PetMtlError as error:
        for problem in error.problems:
            problems.add(
                problem.message, where=problem.where or document.where(key), hint=problem.hint
            )
        return []


def _check_patterns(
    patterns: Any,
    columns: dict[str, Any] | None,
    document: Document,
    key: Key,
    problems: ProblemList,
    statements: bool,
) -> None:
    """Check every pattern, and its fields against the columns where these are fine; `{label}` may
    stand in `statements`."""
    items = [((*key,), patterns)] if isinstance(patterns, str) else []
    if isinstance(patterns, list):
        items = [
            ((*key, index), item) for index, item in enumerate(patterns) if isinstance(item, str)
        ]
    for place, source in items:
        where = document.where(place)
        if not source:
            continue  # said by the type
        try:
            pattern = parse_pattern(source)
        except PetMtlError as error:
            for problem in error.problems:
                problems.add(problem.message, where=where, hint=problem.hint)
            continue
        fields = [name for name in columns or () if name not in (LABEL_COLUMN, ID_COLUMN)]
        if not pattern.fields:
            problems.add(
                f"no field in the pattern `{source}`",
                where=where,
                hint="put the row's text in, as in `{text}`",
            )
        for name in pattern.fields:
            if name == LABEL_NAME and statements:
                continue
            if name in (LABEL_COLUMN, ID_COLUMN):
                problems.add((f"the pattern uses `{{{name}}}`, which is not a text"), where=where)
            elif columns is not None and name not in fields:
                hint = (
                    "write `{mask}` in lower case"
                    if name.lower() == MASK_NAME
                    else _columns_hint(fields)
                )
                problems.add(
                    f"the pattern uses `{{{name}}}`, but `columns` has no `{name}`",
                    where=where,
                    hint=hint,
                )


def _check_metric(
    values: dict[str, Any], document: Document, key: Key, problems: ProblemList
) -> bool:
    """Check that the task's kind has the metric, and tell whether it is fine."""
    facts = KINDS.get(str(values.get("kind", "classification")))
    metric = values.get("metric")
    if facts is None or "metric" not in values or metric in facts.metrics:
        return True
    *others, last = (f"`{name}`" for name in facts.metrics)
    problems.add(
        f"`{'.'.join(map(str, key))}` must be one of {', '.join(others)} or {last}, "
        f"found {found(metric)}",
        where=document.where(key),
    )
    return False


def _columns_hint(fields: list[str]) -> str:
    return "columns: " + ", ".join(f"`{name}`" for name in fields)
