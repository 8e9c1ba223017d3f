"""What the tests of this folder share; no network."""

from one_thread import one_thread  # noqa: F401
from run_fixtures import make_suite, suite, suite_file, toy_backbone  # noqa: F401
