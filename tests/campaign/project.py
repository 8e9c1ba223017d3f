"""Make the project that the campaign damages.

Called by `run.py`, in a process of its own: who has used a tokenizer's threads must not fork.
"""

import sys
from pathlib import Path

from door import invoke
from places import Command, build


def main() -> None:
    project = Path(sys.argv[1])

    def run(command: Command) -> None:
        outcome = invoke(command, project)
        assert outcome.code == 0, (command, outcome.messages, outcome.fault)

    build(project, run)


if __name__ == "__main__":
    main()
