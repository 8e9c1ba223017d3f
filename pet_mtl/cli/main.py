"""`pet-mtl`: the commands, and how errors reach the user."""

import os
import sys

import typer

from pet_mtl import console
from pet_mtl.cli import average, compare, data, init, predict, pretrain, score, train, words
from pet_mtl.errors import PetMtlError
from pet_mtl.model import light_import

app = typer.Typer(
    name="pet-mtl",
    help="One masked language model for many classification tasks: cloze patterns, label words, one MLM head.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("pretrain")(pretrain.pretrain)
app.command("score")(score.score)
app.command("predict")(predict.predict)
app.command("compare")(compare.compare)
app.command("average")(average.average)
app.command("init")(init.init)
app.add_typer(data.app)
app.add_typer(words.app, name="words")


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    console.show()
    if show:
        from importlib.metadata import version as installed

        typer.echo(f"pet-mtl {installed('pet-mtl')}")
        raise typer.Exit


def main() -> None:
    """Run the command line: exit 0, 1 for a failed run, 2 for wrong usage or input, 130 when stopped."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # threads, never forked: the warning does not apply
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    light_import.wanted = True
    try:
        app(prog_name="pet-mtl")
    except PetMtlError as error:
        for problem in error.problems:
            typer.echo(f"error: {problem}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == 130:  # typer's answer to Ctrl-C
            typer.echo("stopped", err=True)
        raise
    except BrokenPipeError:  # the reader of stdout has gone, as in `pet-mtl score … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        typer.echo(f"error: {error.filename}: {error.strerror}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
