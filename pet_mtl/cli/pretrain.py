"""`pet-mtl pretrain`."""

from pathlib import Path
from typing import Annotated

import typer

from pet_mtl.cli.options import (
    DataRoot,
    Json,
    MoreCorpusFiles,
    Resume,
    TextKey,
    pattern_file,
    require_known,
)
from pet_mtl.console import put_json
from pet_mtl.errors import PetMtlError
from pet_mtl.text import counted, in_shell


def pretrain(
    files: MoreCorpusFiles = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="M", help="Masked language model to go on from: name, folder, hub name."
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Give `--model` the vocabulary of this tokenizer."),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(metavar="M", help="A larger model to learn from: name, folder, hub name."),
    ] = None,
    from_scratch: Annotated[
        Path | None,
        typer.Option(
            metavar="RECIPE", help="Begin a new model, and its vocabulary, by a YAML recipe."
        ),
    ] = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILES",
            help="Text files and globs: txt, jsonl, parquet; also gz, xz, zst, bz2.",
        ),
    ] = None,
    text_key: TextKey = "text",
    patterns: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Pattern file, for --task-text and --masking pattern."),
    ] = None,
    task_text: Annotated[
        bool,
        typer.Option("--task-text", help="Train on the tasks' training and unlabelled texts."),
    ] = False,
    data_root: DataRoot = None,
    masking: Annotated[
        str, typer.Option(metavar="KIND", help="random, whole-word, selective or pattern.")
    ] = "random",
    scorer: Annotated[
        Path | None,
        typer.Option(
            metavar="CHECKPOINT", help="Says which pieces matter, for --masking selective."
        ),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("-s", "--set", metavar="KEY=VALUE", help="Set a key: -s max_minutes=30"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Output folder.", show_default="runs/pretrain-1, …"),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where tokenised corpora are kept.", show_default="OUT/cache"
        ),
    ] = None,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Train a masked language model on text: take one further, or begin a new one."""
    from typing import cast

    from pet_mtl.console import say
    from pet_mtl.pretraining.folders import stored_request
    from pet_mtl.pretraining.recipe import load_recipe
    from pet_mtl.pretraining.request import PretrainRequest
    from pet_mtl.pretraining.run import pretrain as run
    from pet_mtl.pretraining.settings import Masking, start_from
    from pet_mtl.stepping.interrupt import Interrupted
    from pet_mtl.storage.outputs import next_run_folder

    sources = (*(corpus or ()), *(files or ()))
    require_known("masking", masking, Masking, "--masking")
    if resume and out is None:
        raise PetMtlError("`--resume` needs the folder of the run", hint="add `--out DIR`")
    if resume and out is not None and not (model or from_scratch or sources or patterns):
        given = [override, scorer, task_text, tokenizer, teacher, data_root, cache]
        if any(given) or masking != "random" or text_key != "text":
            raise PetMtlError(
                "`--resume` alone goes on with the stored options",
                hint="leave the others out, or give all of them",
            )
        request = stored_request(out)
    else:
        if data_root is not None and patterns is None:
            raise PetMtlError(
                "there is no pattern file whose data paths start there",
                where=f"--data-root {data_root}",
                hint="add `--patterns FILE`, or leave it out: corpora start where you are",
            )
        if cache is not None and cache.exists() and not cache.is_dir():
            raise PetMtlError(
                "this is a file, not a folder",
                where=f"--cache {cache}",
                hint="name a folder, which is made where it is missing",
            )
        if text_key != "text" and not sources:
            raise PetMtlError(
                "there is no corpus whose rows have such a key",
                where=f"--text-key {text_key}",
                hint="add `--corpus FILES`, or leave it out",
            )
        recipe = load_recipe(from_scratch, override or ()) if from_scratch else None
        settings, layers = (recipe.train, None) if recipe else start_from(override or ())
        request = PretrainRequest(
            model=model,
            tokenizer=tokenizer,
            teacher=teacher,
            from_layers=layers,
            recipe=recipe,
            corpus=sources,
            text_key=text_key,
            patterns=None if patterns is None else pattern_file(patterns),
            data_root=data_root,
            task_text=task_text,
            masking=cast(Masking, masking),
            scorer=scorer,
            settings=settings,
            cache=cache,
            base=Path.cwd(),
        )
    folder = out or next_run_folder("pretrain")
    try:
        result = run(request, folder, resume=resume)
    except Interrupted as stopped:
        command = f"pet-mtl pretrain --resume --out {in_shell(folder)}"
        raise stopped.hinted(f"go on with: {command}") from None
    if json_:
        put_json(result.to_json())
    if result.held_out is not None:
        say(f"held-out loss {result.held_out.loss:.4f}, accuracy {result.held_out.accuracy:.2%}")
    if result.tokens_per_second or not resume:
        say(
            f"trained {counted(result.steps, 'step')}, {result.tokens:,} tokens in "
            f"{result.seconds:.0f} s ({result.tokens_per_second:,.0f} tokens/s, "
            f"{result.peak_memory_gb:.2f} GB)"
        )
    say(f"model: {folder / 'model'}")
