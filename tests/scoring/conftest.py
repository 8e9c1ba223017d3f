from one_thread import one_thread  # noqa: F401
from run_fixtures import toy_backbone  # noqa: F401
