"""`pet-mtl predict`."""

import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pet_mtl.cli.options import (
    Calibration,
    Json,
    MissingOption,
    Overrides,
    Verbalizers,
    by_task,
    calibration_choice,
    files_by_task,
    require_known,
    require_patterns,
)
from pet_mtl.cli.untrained import Labels, untrained_suite
from pet_mtl.console import (
    put,
    put_file,
    put_json,
    put_json_list,
    put_places,
    started_together,
)
from pet_mtl.errors import PetMtlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pet_mtl.data.streams import RowStream
    from pet_mtl.scoring.inputs import Inputs
    from pet_mtl.scoring.ranking import Order
    from pet_mtl.scoring.records import Details, Predicted
    from pet_mtl.suite.suite import Suite

_ACTORS = 2  # of Ray, where `--workers` does not say how many


def predict(
    context: typer.Context,
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            help="Checkpoint folder; with `--patterns` or `--labels`, any model.",
        ),
    ],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Texts, or a file of them; without any, stdin is read, a text a line.",
        ),
    ] = None,
    patterns: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Predict with a model as it is, for the tasks of this file."
        ),
    ] = None,
    labels: Labels = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The task that the texts are for, where it is not clear."
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=FILE", help="Rows to predict; labels are not needed."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the predictions go; needed with `--data`.",
            show_default="stdout",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="jsonl, csv, tsv, parquet, tianchi (the contest's files, zipped)",
            show_default="jsonl for files",
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option("--top-k", min=1, metavar="N", help="List the N likeliest labels.")
    ] = 1,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Give the probabilities of all labels.")
    ] = False,
    echo: Annotated[bool, typer.Option("--echo", help="Repeat the text beside its label.")] = False,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first line names the columns, for tasks whose columns are positions.",
        ),
    ] = None,
    rank: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Rows to label next, the most uncertain first: entropy, margin, least_confidence, "
            "or diverse (uncertain and unlike each other).",
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="With `--rank`, how many rows.", show_default="100"),
    ] = None,
    shard_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="For large files: write a file for each N rows, in steady memory, and go on with "
            "those that are not there.",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="For shards: local, or ray (Ray Data).")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="With `--engine ray`, how many actors.", show_default="2"
        ),
    ] = None,
    verbalizer: Verbalizers = None,
    calibration: Calibration = None,
    override: Overrides = None,
    json_: Json = False,
) -> None:
    """Predict the labels of texts and of whole files, rows in their order.

    A line on stdout is label, label word and probability, tabs between.
    """
    from typing import cast

    from pet_mtl.scoring.inputs import Inputs
    from pet_mtl.scoring.prediction_files import Format, predict_blocks, predict_files
    from pet_mtl.scoring.processes import join_processes
    from pet_mtl.scoring.ranking import ranked_blocks
    from pet_mtl.scoring.records import WRITERS, Details, lines_for_people
    from pet_mtl.scoring.zero_shot import load_untrained

    untrained = patterns is not None or labels is not None
    if not untrained:
        require_patterns(patterns, override)
    order = _order(rank, most, output, shards=shard_rows is not None or engine == "ray")
    if engine not in ("local", "ray"):
        raise PetMtlError(f"unknown engine `{engine}`", where="--engine", hint="local or ray")
    if workers is not None and engine != "ray":
        raise PetMtlError(
            "only Ray has workers",
            where=f"--workers {workers}",
            hint="add `--engine ray`, or leave `--workers` out",
        )
    if shard_rows is not None or engine == "ray":
        if untrained:
            named = "--patterns FILE" if labels is None else "--labels NAME,…"
            raise PetMtlError(
                "shards are predicted with a checkpoint",
                where="--shard-rows" if engine == "local" else "--engine ray",
                hint=f"make one: pet-mtl checkpoint MODEL {named} --out DIR",
            )
        from pet_mtl.cli.predict_shards import predict_in_shards

        predict_in_shards(
            context,
            checkpoint,
            texts=texts,
            task=task,
            data=by_task("--data", data),
            out=out,
            output=output,
            details=Details(top_k, probabilities, echo),
            header=header,
            rows=shard_rows or 100_000,
            workers=(workers or _ACTORS) if engine == "ray" else None,
            other=verbalizer or calibration,
            json_=json_,
        )
        return
    require_known("format", output, Format, "--format")
    if json_ and output is not None and str(out) in ("None", "-"):
        raise PetMtlError(
            "`--json` has its own form", where=f"--format {output}", hint="leave one of both out"
        )
    if out is None and data:
        raise MissingOption("'--out' (a folder, or `-` for stdout)", context)
    if str(out) == "-":
        out, output = None, output or "jsonl"
    files = output in ("tianchi", "parquet")
    if out is None and (files or len(data or ()) > 1):
        raise PetMtlError(
            "these predictions are files, not lines on stdout",
            where=f"--format {output}" if files else "--out -",
            hint="add `--out DIR`",
        )
    given = by_task("--data", data)
    lines = _stdin(context) if not given and texts in (None, [], ["-"]) else None
    inputs = Inputs(texts or (), task, given, header, lines)
    details = Details(top_k, probabilities, echo or order is not None)
    words, choice = files_by_task("--verbalizer", verbalizer), calibration_choice(calibration)
    rows = _telling_idle_words(inputs, words)
    processes = join_processes()
    model = (
        load_untrained(
            untrained_suite(str(checkpoint), patterns, labels, override or (), words, choice)
        )
        if untrained
        else checkpoint
    )
    if out is not None:
        written = predict_files(
            model,
            rows,
            out,
            output=cast(Format, output or "jsonl"),
            verbalizers=words,
            calibration=choice,
            details=details,
            order=order,
            processes=processes,
        )
        if not processes.first:
            return
        if json_:
            put_json({"files": [str(file) for file in written]})
        else:
            put_places(written)
        return
    blocks = ranked_blocks(
        order,
        predict_blocks(model, rows, verbalizers=words, calibration=choice, processes=processes),
    )
    if not processes.first:
        for _ in blocks:
            pass
    elif json_:
        put_json_list(*_records(blocks, details))
    else:
        for number, block in enumerate(blocks):
            (predicted,) = block.values()
            if output is not None:
                put_file(WRITERS[output](predicted, details, not number))
                continue
            for line in lines_for_people(predicted, details):
                put(line)


def _telling_idle_words(
    inputs: "Inputs", files: "Mapping[str, Path]"
) -> "Callable[[Suite], dict[str, RowStream]]":
    """Return what gathers the rows, and tells of label words for tasks that none of them needs."""

    def gather(suite: "Suite") -> "dict[str, RowStream]":
        from pet_mtl.scoring.given_rows import say_idle_words

        rows = inputs(suite)
        say_idle_words(files, suite, rows)
        return rows

    return gather


def _order(
    rank: str | None, most: int | None, output: str | None, *, shards: bool
) -> "Order | None":
    """Return how rows are ranked, None where they are not.

    Raises:
        PetMtlError: an unknown ranking, or one of what cannot be ranked.
    """
    from pet_mtl.scoring.ranking import MOST, Order, ranking

    if rank is None:
        if most is not None:
            raise PetMtlError(
                "there is no ranking whose rows it counts",
                where=f"--most {most}",
                hint="add `--rank entropy`, or leave `--most` out",
            )
        return None
    order = Order(ranking(rank), most or MOST)
    if shards or output == "tianchi":
        raise PetMtlError(
            "shards and the contest's files hold all rows, in the order of the file",
            where=f"--rank {rank}",
            hint="leave `--rank` out, or write another `--format` without shards",
        )
    return order


def _records(
    blocks: "Iterator[dict[str, Predicted]]", details: "Details"
) -> "tuple[dict[str, Any], str, Iterator[Any]]":
    """Return what `--json` prints of the rows of one task: what stands before them, their key, and
    them."""
    first = next(blocks)
    ((name, _),) = first.items()
    rows = (
        record
        for block in chain([first], blocks)
        for predicted in block.values()
        for record in predicted.records(details)
    )
    return {"task": name}, "predictions", rows


def _stdin(context: typer.Context) -> bytes:
    """Return what stdin holds.

    Raises:
        MissingOption: it is a terminal, or closed.
        PetMtlError: several processes would share it.
    """
    if started_together() > 1:
        raise PetMtlError(
            "several processes cannot share stdin", hint="give the rows with `--data TASK=FILE`"
        )
    nothing = MissingOption("'--data', or texts: in quotes, or lines on stdin", context)
    if sys.stdin is None or sys.stdin.isatty():
        raise nothing
    try:
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as error:
        raise nothing from error
