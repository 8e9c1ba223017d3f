"""The peak memory of one cell, although all run in one process."""

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

import torch


def forget_peak() -> bool:
    """Give freed memory back and start the peak anew; return whether the next peak is that of the
    next cell alone."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return True
    if sys.platform != "linux":
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # musl has none
        trim(0)
    with suppress(OSError):
        # proc(5): resets the peak resident set size
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return True
    return False
