"""Print how long `encode_suite` takes for the training rows of a pattern file, as one line of JSON.

python benchmarks/encode_time.py patterns/default.yaml
"""

import json
import sys
import time
from pathlib import Path

from turns import run_script

from pet_mtl.cloze.encode import encode_suite
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.storage.pretrained import load_tokenizer, resolve_model
from pet_mtl.suite.suite import load_suite


def main() -> None:
    suite = load_suite(Path(sys.argv[1]))
    rows = {name: task.train for name, task in load_suite_data(suite).items()}
    tokenizer = PieceTokenizer(
        load_tokenizer(resolve_model(suite.model, Path(suite.source).parent))
    )
    started = time.perf_counter()
    prompts = encode_suite(suite.tasks, rows, tokenizer, suite.train.max_length)
    print(json.dumps({"encode_seconds": time.perf_counter() - started, "rows": len(prompts)}))


if __name__ == "__main__":
    run_script(main)
