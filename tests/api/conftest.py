"""Rows that a toy backbone can learn, and one thread."""

from one_thread import one_thread  # noqa: F401
