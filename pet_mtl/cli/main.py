"""`pet-mtl`: the commands, and how errors reach the user."""

import errno
import os
import runpy
import sys

import typer

from pet_mtl import console
from pet_mtl.cli import (
    average,
    checkpoint,
    compare,
    data,
    distill,
    export,
    init,
    predict,
    pretrain,
    push,
    score,
    serve,
    studio,
    sweep,
    train,
    words,
)
from pet_mtl.cli.launchers import check_launcher
from pet_mtl.cli.safe_group import SafeGroup
from pet_mtl.console import complain, drop_stdout, prepare_streams
from pet_mtl.errors import PetMtlError, lacks_memory
from pet_mtl.model import light_import
from pet_mtl.model.allocator import keep_freed_memory
from pet_mtl.resources import own_version
from pet_mtl.text import one_line

app = typer.Typer(
    name="pet-mtl",
    cls=SafeGroup,
    help=(
        "One masked language model for many classification tasks: cloze patterns, label words, "
        "one MLM head."
    ),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("pretrain")(pretrain.pretrain)
app.command("score")(score.score)
app.command("predict")(predict.predict)
app.command("studio")(studio.studio)
app.command("serve")(serve.serve)
app.command("compare")(compare.compare)
app.command("distill")(distill.distill)
app.command("sweep")(sweep.sweep)
app.command("checkpoint")(checkpoint.checkpoint)
app.command("export")(export.export)
app.command("push")(push.push)
app.command("average")(average.average)
app.command("init")(init.init)
app.add_typer(data.app)
app.add_typer(words.app, name="words")

# a stream, not a file, cannot be written: errors of files bear their names
_STREAM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    console.show()
    if show:
        typer.echo(f"pet-mtl {own_version()}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        check_launcher(context.invoked_subcommand)


def run() -> None:
    """Run the command that the process was started with, and end the process as `__main__` says."""
    prepare_streams()
    _require_working_directory()
    # threads, never forked: the warning does not apply
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    light_import.wanted = True
    keep_freed_memory()
    try:
        app(prog_name="pet-mtl")
    except PetMtlError as error:
        for line in error.lines():
            complain(f"error: {line}")
        sys.exit(error.exit_code)
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        reason = one_line(str(error))
        complain(f"error: out of memory: {reason}" if reason else "error: out of memory")
        complain(
            "  hint: in training `-s train.accumulate=4` cuts a step into pieces; else take a "
            "smaller model or file, or a machine with more memory"
        )
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == 130:  # typer's answer to Ctrl-C
            complain("stopped")
        elif failure := _flush_failure():
            _give_up_stdout(failure)
        raise
    except BrokenPipeError:  # the reader of stdout has gone, as in `pet-mtl score … | head`
        _give_up_stdout(None)
    except OSError as error:
        if error.filename is None and error.errno not in _STREAM_ERRORS:
            raise
        _give_up_stdout(error)


main = run  # what the `pet-mtl` script of an earlier installation calls


def _require_working_directory() -> None:
    """End the process where its folder was removed: torch's libraries cannot be loaded there."""
    try:
        os.getcwd()  # noqa: PTH109 (the same)
    except FileNotFoundError:
        complain("error: the working directory is no longer there")
        complain("  hint: `cd` to one that is")
        sys.exit(2)


def _flush_failure() -> OSError | None:
    """Return why stdout cannot be written (a full disk), None where it can."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        return None
    except OSError as error:
        return error
    return None


def _give_up_stdout(error: OSError | None) -> None:
    """End the process with one line."""
    if error is not None:
        complain(f"error: {error.filename or 'stdout'}: {error.strerror or error}")
    drop_stdout()
    sys.exit(1)


if __name__ == "__main__":  # `-m pet_mtl.cli.main` is in launch scripts of earlier versions
    runpy.run_module("pet_mtl", run_name="__main__")
