"""`pet-mtl data …`: `check`, `clean`, `pairs` and `vary`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import (
    DataRoot,
    Json,
    Model,
    MoreCorpusFiles,
    Overrides,
    PatternFile,
    Tasks,
    TextKey,
    names_of,
    pattern_file,
    require_known,
    say_left_out,
)
from pet_mtl.console import put, put_json
from pet_mtl.errors import PetMtlError
from pet_mtl.text import counted, in_shell

app = typer.Typer(
    name="data",
    help="Look at the rows before training on them, and mend them.",
    no_args_is_help=True,
)


@app.command()
def check(
    files: MoreCorpusFiles = None,
    patterns: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Pattern file, or the name of a bundled one.",
            show_default="default, or the checkpoint's own",
        ),
    ] = None,
    data_root: DataRoot = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILES", help="Pre-training text to compare with: txt, jsonl, parquet."
        ),
    ] = None,
    text_key: TextKey = "text",
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="M|CHECKPOINT",
            help="Whose tokenizer counts tokens, instead of the file's model. A checkpoint also "
            "lists the rows whose label it contradicts; several checkpoints, such as one a fold, "
            "each judge the rows that they were not trained on.",
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="With a checkpoint, list at most N suspected rows of each part.",
            show_default="20",
        ),
    ] = None,
    tasks: Tasks = None,
    override: Overrides = None,
    json_: Json = False,
) -> None:
    """Check the rows of all tasks; with a checkpoint, find labels that look wrong.

    Looks for leaks, repeats, odd labels, long texts, broken lines, odd characters, and pieces that
    the vocabulary lacks. Exit 1 when something would make the scores worthless or stop the
    training, 0 with warnings.
    """
    from pet_mtl.audit.check import check_suite
    from pet_mtl.audit.judges import choose_judges
    from pet_mtl.audit.label_errors import MOST
    from pet_mtl.audit.table import check_tables, verdict_lines
    from pet_mtl.pretraining.corpus import find_corpus
    from pet_mtl.proposal.settings import positions
    from pet_mtl.report.table import print_table
    from pet_mtl.storage.pretrained import load_pieces, suite_model

    suite, checkpoints = choose_judges(
        None if patterns is None else pattern_file(patterns),
        model or (),
        data_root=data_root,
        overrides=override or (),
        only=names_of(tasks),
    )
    say_left_out(tasks, override)
    if most is not None and not checkpoints:
        raise PetMtlError(
            "no checkpoint judges the labels",
            where=f"--most {most}",
            hint="add `--model RUN/checkpoint`, or leave `--most` out",
        )
    sources = dict.fromkeys((*(corpus or ()), *(files or ())))
    if text_key != "text" and not sources:
        raise PetMtlError(
            "there is no pre-training text to compare with",
            where=f"--text-key {text_key}",
            hint="add `--corpus FILES`, or leave `--text-key` out",
        )
    names = [Path(source).name for source in sources]
    corpora = {
        name if names.count(name) == 1 else source: find_corpus([source], text_key)
        for name, source in zip(names, sources, strict=True)
    }
    folder = suite_model(suite)
    result = check_suite(
        suite, corpora, load_pieces(folder), checkpoints, most or MOST, positions(folder)
    )
    if json_:
        put_json(result.to_json())
    else:
        for table in check_tables(result):
            print_table(table)
            put()
        for line in verdict_lines(result):
            put(line)
    if result.verdict == "error":
        raise typer.Exit(1)


@app.command()
def clean(
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the copies.")],
    patterns: PatternFile = "default",
    data_root: DataRoot = None,
    conflicts: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="Texts with several labels: majority keeps the most frequent, or drop.",
        ),
    ] = "majority",
    tasks: Tasks = None,
    override: Overrides = None,
    json_: Json = False,
) -> None:
    """Write mended copies of all data files, and a list of what was changed."""
    from typing import cast

    from pet_mtl.audit.clean import CHANGES, Conflicts, clean_suite
    from pet_mtl.console import say
    from pet_mtl.suite.suite import load_suite

    require_known("way", conflicts, Conflicts, "--conflicts")
    suite = load_suite(
        pattern_file(patterns),
        overrides=override or (),
        data_root=data_root,
        only=names_of(tasks),
    )
    say_left_out(tasks, override)
    result = clean_suite(suite, out, cast(Conflicts, conflicts))
    if json_:
        put_json(result.to_json())
    else:
        for line in result.lines():
            put(line)
    say(f"all changes: {out / CHANGES}")
    if result.outside:
        say(
            "outside the data folder, so `--data-root` does not lead to the copies: name them in "
            f"the pattern file instead of {', '.join(result.outside)}"
        )
    else:
        say(f"train on the copies with `--data-root {in_shell(out)}`")


@app.command()
def pairs(
    out: Annotated[Path, typer.Option(metavar="FILE", help="A new file of json lines.")],
    files: MoreCorpusFiles = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(metavar="FILES", help="Chinese running text: txt, jsonl, parquet."),
    ] = None,
    text_key: TextKey = "text",
    rows: Annotated[
        int, typer.Option(min=3, max=1_000_000, metavar="N", help="How many pairs.")
    ] = 16_000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the random draws.")] = 42,
    json_: Json = False,
) -> None:
    """Make labelled sentence pairs out of plain Chinese text, to pre-train inference on."""
    from pet_mtl.console import say
    from pet_mtl.pairs.make import write_pairs
    from pet_mtl.pretraining.corpus import find_corpus

    sources = (*(corpus or ()), *(files or ()))
    if not sources:
        raise PetMtlError("there is no text to make pairs of", hint="give `--corpus FILES`")
    result = write_pairs(find_corpus(sources, text_key), out, rows, seed)
    if json_:
        put_json(result.to_json())
    counts = ", ".join(f"{count:,} {label}" for label, count in result.rows.items())
    say(f"{out}: {counts}")


@app.command()
def vary(
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder, a file for each task.")],
    patterns: PatternFile = "default",
    data_root: DataRoot = None,
    tasks: Tasks = None,
    model: Model = None,
    copies: Annotated[
        int,
        typer.Option(
            min=0,
            max=100,
            metavar="N",
            help="Copies of each row: the first varies its last text, the next the one before.",
        ),
    ] = 1,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of a text's pieces that are replaced, above 0.",
            show_default="0.2",
        ),
    ] = None,
    recombined: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="For each task of two texts also up to N rows of two different second texts that "
            "stand beside the same first one.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the random draws.")] = 42,
    override: Overrides = None,
    json_: Json = False,
) -> None:
    """Make rows without labels out of the training rows, for a teacher to label.

    Some pieces of a text are replaced by what a masked language model puts there. A task learns
    from its file with `data: {unlabelled: …}` and a teacher.
    """
    from pet_mtl.console import say
    from pet_mtl.suite.suite import load_suite
    from pet_mtl.variants.make import VariantsSettings, write_variants

    if rate is not None and not 0 < rate <= 1:
        raise PetMtlError(f"found {rate:g}", where="--rate", hint="give a share above 0, up to 1")
    if not copies and not recombined:
        raise PetMtlError("nothing is asked for", hint="give `--copies` or `--recombined`")
    if not copies and (rate is not None or model is not None):
        raise PetMtlError(
            "no text is varied: `--rate` and `--model` have nothing to act on",
            where="--copies 0",
            hint="leave them out, or give `--copies 1`",
        )
    suite = load_suite(
        pattern_file(patterns),
        overrides=override or (),
        data_root=data_root,
        model=model,
        only=names_of(tasks),
    )
    say_left_out(tasks, override)
    settings = VariantsSettings(copies, rate or VariantsSettings.rate, recombined, seed)
    written = write_variants(suite, out, settings)
    if json_:
        put_json({"out": str(out), "rows": written})
    for name, rows in written.items():
        say(f"{out / name}.csv: {counted(rows, 'row')}")
