"""Arrow with a small footprint."""

import sys
from functools import cache

import pyarrow as pa


class _Hidden:
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ImportError("hidden while pyarrow looks for it")


@cache
def use_arrow() -> None:
    """Keep pyarrow from loading pandas, and let it share the C allocator's memory with torch.

    Its first conversion imports pandas (40 MB, a third of a second) only to ask whether a value is
    one of pandas' own. `to_pandas` and the like import it later all the same.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(hidden)
