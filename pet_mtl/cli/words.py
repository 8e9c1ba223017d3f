"""`pet-mtl words`: label words checked, tried and suggested."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import (
    DataRoot,
    Json,
    Limit,
    ModelName,
    Patterns,
    RowsOfTask,
    StateCache,
    Verbalizers,
    files_by_task,
    pattern_file,
    require_known,
)
from pet_mtl.console import put, put_json
from pet_mtl.errors import PetMtlError, RunError

app = typer.Typer(
    help="Check label words, try others without running the model again, or have some suggested.",
    no_args_is_help=True,
)


@app.command("check")
def check(
    patterns: Patterns = None,
    model: ModelName = None,
    verbalizer: Verbalizers = None,
    json_: Json = False,
) -> None:
    """Show each label word's pieces, prior probability and clashes; exit 1 on errors."""
    from pet_mtl.console import say
    from pet_mtl.words.check import check_words
    from pet_mtl.words.loaded import load

    files = files_by_task("--verbalizer", verbalizer)
    report = check_words(
        load(None if patterns is None else pattern_file(patterns), model, verbalizers=files)
    )
    if json_:
        put_json(report.to_json())
    else:
        from pet_mtl.report.table import print_table
        from pet_mtl.words.tables import check_table

        for name, labels in report.tasks.items():
            print_table(check_table(name, labels))
    for what, problems in (("warning", report.warnings), ("error", report.errors)):
        for line in PetMtlError(problems).lines():  # the first, and how many more there are
            say(f"{what}: {line}")
    if report.errors:
        raise typer.Exit(1)


@app.command("try")
def try_(
    patterns: Patterns = None,
    model: ModelName = None,
    verbalizer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK=FILE",
            help="Label words to try, several for a task too.",
            show_default="the tasks' own",
        ),
    ] = None,
    rows: RowsOfTask = "dev",
    limit: Limit = None,
    data_root: DataRoot = None,
    cache: StateCache = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Score a file again whenever it is saved, until Ctrl-C."),
    ] = False,
    json_: Json = False,
) -> None:
    """Score label words on dev rows; what does not depend on them is computed once and kept."""
    from contextlib import suppress
    from typing import cast

    from pet_mtl.console import say
    from pet_mtl.report.table import print_table
    from pet_mtl.words import tables
    from pet_mtl.words.loaded import load
    from pet_mtl.words.results import event_json, tried_json
    from pet_mtl.words.try_words import RowsOf, WordTrial

    require_known("rows", rows, RowsOf, "--rows")
    files: dict[str, list[Path]] = {}
    for value in verbalizer or ():
        for name, file in files_by_task("--verbalizer", [value]).items():
            files.setdefault(name, []).append(file)
    loaded = load(None if patterns is None else pattern_file(patterns), model, data_root=data_root)
    say(loaded.told(named=model is not None))
    trial = WordTrial(
        loaded, files, rows_of=cast(RowsOf, rows), limit=limit, place=cache, watch=watch
    )
    tried = trial.run()
    if json_:
        put_json(tried_json(tried, model=loaded.name, zero_shot=loaded.zero_shot))
    else:
        shown = f"{loaded.name}, zero-shot" if loaded.zero_shot else loaded.name
        for name, task in tried.items():
            print_table(tables.tried_table(name, task, shown))
            for change in task.changes():
                for table in tables.change_tables(change):
                    print_table(table)
    if not watch:
        return
    say("watching; Ctrl-C ends")
    with suppress(KeyboardInterrupt):
        for name, change in trial.watch(tried):
            if json_:
                put_json(event_json(name, change))
                continue
            put(tables.change_line(name, change))
            for table in tables.change_tables(change, flips=True):
                print_table(table)


@app.command("suggest")
def suggest(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="The task whose label words to improve.")
    ],
    patterns: Patterns = None,
    model: ModelName = None,
    verbalizer: Verbalizers = None,
    limit: Annotated[
        int, typer.Option(min=4, max=10**9, metavar="N", help="Use at most N training rows.")
    ] = 2000,
    min_prior: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            help="Leave out words to which the model gives a probability below P.",
        ),
    ] = 0.0,
    most: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Suggestions for each label.")
    ] = 8,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**32 - 1,
            metavar="N",
            help="Seed of drawing rows.",
            show_default="the file's",
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Change this verbalizer file, if held-out rows gain by it."
        ),
    ] = None,
    data_root: DataRoot = None,
    cache: StateCache = None,
    json_: Json = False,
) -> None:
    """Suggest label words by the training rows, with what each gains on held-out ones."""
    from pet_mtl.console import say
    from pet_mtl.suite.chain import chain_of
    from pet_mtl.words.loaded import load
    from pet_mtl.words.suggest.run import suggest as find
    from pet_mtl.words.suggest.write import check_writable, write_words

    files = files_by_task("--verbalizer", verbalizer)
    before = None
    if write is not None:
        check_writable(write)
        if write.exists():
            before = write.read_bytes()
            files.setdefault(task, write)
    loaded = load(
        None if patterns is None else pattern_file(patterns),
        model,
        data_root=data_root,
        verbalizers=files,
    )
    say(loaded.told(named=model is not None))
    tasks = loaded.suite.tasks
    known = {task, *(chain_of(tasks[task], tasks) if task in tasks else ())}  # what it reads too
    for other, file in files.items():
        if other not in known:
            option = f"--verbalizer {other}={file}"
            say(f"warning: `{option}` does nothing: the words are for `{task}`")
    found = find(loaded, task, limit=limit, most=most, seed=seed, place=cache, min_prior=min_prior)
    edited = (
        write is not None
        and found.gain > 0
        and (write.read_bytes() if write.exists() else None) != before
    )
    written = write if found.gain > 0 and not edited else None
    if written is not None:
        write_words(written, found.task.verbalizer, found.proposed())
        say(f"written: {written}")
        if found.interval[0] <= 0:
            low, high = found.interval
            say(
                f"warning: the gain {found.gain:+.4f} [{low:+.4f}, {high:+.4f}] may be luck: keep "
                "the words that mean their label, and strike out the others"
            )
    elif write is not None and not edited:
        left = "stays as it is" if write.exists() else "is not written"
        say(f"no change gains on the held-out rows: {write} {left}")
    if json_:
        put_json({**found.to_json(), "written": str(written) if written else None})
    else:
        from pet_mtl.report.table import print_table
        from pet_mtl.words.suggest.table import proposal_table, suggestion_table

        print_table(suggestion_table(found))
        print_table(proposal_table(found))
    if edited:
        raise RunError(
            "the file was changed while words were searched for, and stays as it is now",
            where=str(write),
            hint="write the words above into it, or run the command again",
        )
