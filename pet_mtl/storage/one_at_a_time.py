"""One thread loads a model at a time, and a machine that starts no more threads is not taken for a
model that is wrong."""

import contextlib
import threading
from collections.abc import Iterator

from pet_mtl.errors import MachineError, PetMtlError

LOADING = threading.RLock()
# as Python says it, and the Rust library below `tokenizers`
_NO_THREAD = ("can't start new thread", "ThreadPoolBuildError")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Have one thread load at a time: transformers changes classes of its own while it loads, and
    of two at once the later one leaves them changed, so that no later model is whole.

    Raises:
        MachineError: loading failed for want of a thread.
    """
    with LOADING:
        try:
            yield
        except PetMtlError as error:
            if any(words in str(error.__cause__) for words in _NO_THREAD):
                raise MachineError(
                    "the system starts no more threads",
                    hint="raise the limit of processes (`ulimit -u`), or end some of them",
                ) from error
            raise
