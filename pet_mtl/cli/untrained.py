"""The tasks of a model as it is: those of a pattern file, or one task of `--labels`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pet_mtl.cli.options import pattern_file
from pet_mtl.errors import PetMtlError

if TYPE_CHECKING:
    from pet_mtl.suite.suite import Suite

Labels = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,…",
        help="Instead of `--patterns`: what the labels of some texts are called; NAME=WORD where "
        "the label word is another one.",
    ),
]


def untrained_suite(
    model: str,
    patterns: str | None,
    labels: str | None,
    overrides: Sequence[str] = (),
    words: Mapping[str, Path] = {},
    calibration: str | None = None,
    *,
    data_root: Path | None = None,
    only: Sequence[str] | None = None,
) -> "Suite":
    """Return the tasks of a pattern file, the bundled `default` where none is named, or the task of
    some labels.

    Raises:
        PetMtlError: the file or a label is not right; options that labels do not go with.
    """
    if labels is None:
        from pet_mtl.suite.suite import load_suite

        return load_suite(
            pattern_file(patterns or "default"),
            model=model,
            overrides=overrides,
            data_root=data_root,
            verbalizers=words,
            only=only,
        )
    beside = {
        "--patterns": patterns,
        "-s": overrides,
        "--verbalizer": words,
        "--calibration prior": calibration == "prior",  # which is fitted on texts
        "--data-root": data_root,
        "--tasks": only,
    }
    for option, given in beside.items():
        if given:
            raise PetMtlError(
                f"`{option}` does not go with `--labels`, which is all that is known of the task",
                where=f"--labels {labels}",
                hint="write a pattern file to say more: docs/tasks.md",
            )
    from pet_mtl.proposal.label_names import suite_of_labels

    return suite_of_labels(labels, model)
