import subprocess
import sys

CODE = """
import sys
import numpy as np
from pet_mtl.data.rows import Rows
rows = Rows.of({"title": ["a", "b"]}, labels=[0, 1]).take(np.array([1]))
assert rows.text(0) == {"title": "b"}
assert "pandas" not in sys.modules
import pyarrow as pa
assert not any(type(finder).__name__ == "_Hidden" for finder in sys.meta_path)
assert pa.table({"a": [1, 2]}).to_pandas()["a"].sum() == 3
"""


def test_rows_do_not_load_pandas_and_arrow_still_can() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
