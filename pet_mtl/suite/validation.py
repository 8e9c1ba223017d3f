"""Say pydantic's findings in our words: place, key, rule, what was found, what to do."""

import difflib
import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pet_mtl.errors import ProblemList
from pet_mtl.suite.yaml_file import Document, Key

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "`true` or `false`",
    "tuple_type": "a text or a list of texts",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "finite_number": "a finite number",
    "string_too_short": "a text that is not empty",
    "too_short": "a text or a list of texts that is not empty",
}
_EXAMPLES = {
    "patterns": 'for example: patterns: "{mask}。{text}"',
    "verbalizer": (
        "name a file with the label words, or write them here: verbalizer: {0: 坏, 1: 好}"
    ),
    "columns": "say where the fields are: columns: {text: 1, label: 2}",
    "data": "say where the rows are: data: {train: train.tsv, dev: dev.tsv}; to predict only, "
    "{unlabelled: texts.txt}",
    "train": "name the file with the training rows; to predict only, `unlabelled: texts.txt`",
}
_BOUNDS = {
    "greater_than": "above",
    "greater_than_equal": "at least",
    "less_than": "below",
    "less_than_equal": "at most",
}


def name_hint(name: str, known: Sequence[str]) -> str:
    """Return the closest known name, or all of them.

    >>> name_hint("epohcs", ["epochs", "seed"]), name_hint("x", ["epochs", "seed"])
    ('did you mean `epochs`?', 'known: `epochs`, `seed`')
    """
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return (
        f"did you mean `{close[0]}`?"
        if close
        else "known: " + ", ".join(f"`{item}`" for item in known)
    )


def found(value: Any) -> str:
    """Return a value as it may be shown in a message.

    >>> found("a" * 50), found(None), found({})
    ('`"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…`', 'nothing', 'keys and values')
    """
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False, default=str)  # a program may give any object
    return f"`{text if len(text) <= 40 else text[:40] + '…'}`"


def validate(
    model: type[Model],
    value: Any,
    document: Document,
    key: Key,
    problems: ProblemList,
    done: frozenset[str] = frozenset(),
) -> Model | None:
    """Return the validated model, or add its problems and return None; keys and types of errors in
    `done` have had their say already."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            location = tuple(part for part in details["loc"] if not str(part).startswith("<"))
            if done.isdisjoint((details["type"], *location[:1])):
                _add(model, details, document, (*key, *location), problems)
        return None


def _add(
    model: type[BaseModel],
    details: ErrorDetails,
    document: Document,
    key: Key,
    problems: ProblemList,
) -> None:
    """Add one of pydantic's errors."""
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    name = ".".join(map(str, key))
    where = document.where(key)
    if kind == "extra_forbidden":
        problems.add(
            f"unknown key `{key[-1]}`",
            where=where,
            hint=name_hint(str(key[-1]), list(_at(model, details).model_fields)),
        )
    elif kind == "missing":
        problems.add(
            f"`{name}` is missing", where=document.where(key[:-1]), hint=_EXAMPLES.get(str(key[-1]))
        )
    elif kind == "literal_error":
        names = context["expected"].replace("'", "`")
        problems.add(
            f"`{name}` must be one of {names}, found {found(value)}",
            where=where,
            hint=_example(model, details),
        )
    elif kind in _BOUNDS:
        bound = next(iter(context.values()))
        bound = int(bound) if float(bound).is_integer() else bound
        problems.add(
            f"`{name}` must be {_BOUNDS[kind]} {bound}, found {found(value)}",
            where=where,
            hint=_example(model, details),
        )
    elif kind in _EXPECTED:
        quote = kind == "string_type" and isinstance(value, int | float)
        hint = "put it in quotes" if quote else _example(model, details)
        problems.add(
            f"`{name}` must be {_EXPECTED[kind]}, found {found(value)}", where=where, hint=hint
        )
    else:
        message = str(context["error"]) if kind == "value_error" else details["msg"]
        # of a section that does not go together: where one of the keys that are named stands
        keys = value if isinstance(value, dict) else ()
        named = [word for word in re.findall(r"`(\w+)", message) if word in keys]
        problems.add(f"`{name}`: {message}", where=document.where((*key, *named[:1])))


def _example(model: type[BaseModel], details: ErrorDetails) -> str | None:
    """Return a value that the setting at the error's place may have, where its model names one."""
    name = str(details["loc"][-1]) if details["loc"] else ""
    field = _at(model, details).model_fields.get(name)
    return f"for example `{name}: {field.examples[0]}`" if field and field.examples else None


def _at(model: type[BaseModel], details: ErrorDetails) -> type[BaseModel]:
    """Return the model at the error's place."""
    for part in details["loc"][:-1]:
        field = model.model_fields.get(str(part))
        if field and (inside := _models(field.annotation)):
            model = inside[-1]
    return model


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models inside a type, however deep in unions and annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
