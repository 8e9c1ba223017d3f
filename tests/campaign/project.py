"""The project that the campaign damages, made once."""

from pathlib import Path

from door import invoke
from places import Command, build


def ready_project(out: Path) -> Path:
    """Return the project's folder, made where it is missing."""
    project = out / "project"
    if not (project / "states").is_dir():

        def run(command: Command) -> None:
            outcome = invoke(command, project)
            assert outcome.code == 0, (command, outcome.messages, outcome.fault)

        build(project, run)
    return project
