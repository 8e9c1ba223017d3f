"""`pet-mtl sweep`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pet_mtl.cli.options import DataRoot, Json, Model, Overrides, PatternFile, pattern_file
from pet_mtl.console import put_json
from pet_mtl.paths import absolute, user_path

if TYPE_CHECKING:
    from pet_mtl.suite.suite import Suite


def sweep(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML file of settings with ranges and choices.")
    ],
    patterns: PatternFile = "default",
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Trials, instead of the file's.")
    ] = None,
    model: Model = None,
    data_root: DataRoot = None,
    override: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Output folder.", show_default="runs/sweep-1, runs/sweep-2, …"
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Search settings, patterns and verbalizer files for the best dev score.

    The same command with the same `--out` goes on where it was stopped; run it in several shells to
    use several processes.
    """
    import dataclasses

    from pet_mtl.atomic import require_folder
    from pet_mtl.console import say
    from pet_mtl.resources import bundled_backbone, model_folder
    from pet_mtl.storage.outputs import next_run_folder
    from pet_mtl.suite.suite import load_suite
    from pet_mtl.suite.yaml_file import parse_value
    from pet_mtl.sweep.run import SweepRequest
    from pet_mtl.sweep.run import sweep as run_sweep
    from pet_mtl.sweep.space import override as written
    from pet_mtl.sweep.space import read_space
    from pet_mtl.sweep.study import require_optuna
    from pet_mtl.sweep.table import print_result

    require_optuna()
    source = pattern_file(patterns)
    common: dict[str, Any] = {}
    if model is not None:
        folder = None if bundled_backbone(model) else model_folder(model)
        common["model"] = model if folder is None else str(absolute(folder, "--model"))
    if data_root is not None:
        common["data_root"] = str(absolute(user_path(data_root), "--data-root"))
    before = [written(name, value) for name, value in common.items()] + list(override or ())

    def load(overrides: list[str]) -> "Suite":
        return load_suite(source, overrides=[*before, *overrides])

    space = read_space(file, load)
    for name in common:
        space.require_free(name, f"--{name.replace('_', '-')}")
    for text in override or ():
        name, _, value = text.partition("=")
        space.require_free(name.strip(), f"-s {text}")
        common[name.strip()] = parse_value(value)
    space = dataclasses.replace(
        space, fixed={**common, **space.fixed}, trials=trials or space.trials
    )
    folder = out or next_run_folder("sweep")
    require_folder(folder)
    result = run_sweep(SweepRequest(source, load, space), folder)
    if json_:
        put_json(result.to_json())
    else:
        print_result(result)
    say(f"page: {folder / 'sweep.html'}, best settings: {folder / 'best.yaml'}")
