"""The way in, as `pet-mtl` and as `python -m pet_mtl`."""

import sys

from pet_mtl.cli.stopping import stop_if_asked, stoppable
from pet_mtl.console import complain


def main() -> None:
    """Run the command line: exit 0, 1 for a failed run, 2 for wrong usage or input, 130 when
    stopped."""
    try:
        with stoppable():
            # takes half a second, in which Ctrl-C is heard already
            from pet_mtl.cli.main import run

            stop_if_asked()
            run()
    except KeyboardInterrupt:
        complain("stopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
