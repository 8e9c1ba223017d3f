"""Two processes pre-train as one does, and only the first one writes."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import run_together
from safetensors.torch import load_file

from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.run import pretrain

SCRIPT = textwrap.dedent(
    """
    import json, os, sys
    from pathlib import Path
    import torch
    from pet_mtl import atomic, console
    from pet_mtl.pretraining.request import PretrainRequest
    from pet_mtl.pretraining.run import pretrain

    torch.set_num_threads(1)
    console.show()
    written = []
    fsync = os.fsync
    def noted(number):
        written.append(os.readlink(f"/proc/self/fd/{number}") if os.path.isdir("/proc/self/fd") else "")
        fsync(number)
    atomic.os.fsync = noted
    told = []
    for request, out, resume in json.loads(sys.argv[1]):
        told.append(pretrain(PretrainRequest.model_validate_json(request), Path(out), resume=resume).to_json())
    print(json.dumps([told, written]))
    """
)
CHANGES = {
    "whole-word": {"masking": "whole-word", "epochs": 1.0, "dropout": 0.0},
    "dropout": {"max_steps": 4, "evaluate_every": 2, "dropout": 0.2},
    "tiny": {
        "max_steps": 3,
        "batch_tokens": 30,
        "accumulate": 2,
        "evaluate_every": 2,
        "dropout": 0.0,
    },  # steps of one or two rows
}


@pytest.mark.slow
def test_two_processes_are_one(
    make_request: Callable[..., PretrainRequest], tmp_path: Path
) -> None:
    requests = {name: make_request(**changes) for name, changes in CHANGES.items()}
    alone = {name: pretrain(request, tmp_path / "one" / name) for name, request in requests.items()}
    jobs = [(name, False) for name in requests] + [
        ("whole-word", True)
    ]  # the last one is finished and only measures
    told = [
        (requests[name].model_dump_json(), str(tmp_path / "two" / name), resume)
        for name, resume in jobs
    ]
    done = run_together(2, SCRIPT, json.dumps(told))
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    assert done[0].stderr.count("tokenising the corpus") == len(requests)
    assert "cache" not in done[1].stderr
    (results, written), (others, nothing) = (json.loads(process.stdout) for process in done)
    assert written
    assert nothing == []  # the second process wrote no file
    for (name, _), result, other in zip(jobs, results, others, strict=True):
        expected = alone[name].to_json()
        for key in ("steps", "tokens"):
            assert result[key] == other[key] == expected[key], (name, key)
        assert result["held_out"] == other["held_out"]
        assert result["held_out"] == pytest.approx(expected["held_out"], abs=1e-3)
    for name in requests:
        compare(tmp_path / "one" / name, tmp_path / "two" / name)


def compare(one: Path, two: Path) -> None:
    assert sorted(path.name for path in two.iterdir()) == sorted(
        path.name for path in one.iterdir()
    )
    for folder in ("last", "model"):
        expected, found = (load_file(run / folder / "model.safetensors") for run in (one, two))
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=2e-4, msg=name)
    logs = [(run / "metrics.jsonl").read_text(encoding="utf-8").splitlines() for run in (one, two)]
    for line, other in zip(*logs, strict=False):
        of_one, of_two = json.loads(line), json.loads(other)
        assert of_two.get("loss", 0) == pytest.approx(of_one.get("loss", 0), abs=1e-3)
        measured = [record.get("held_out", {}) for record in (of_one, of_two)]
        taught = [figures.pop("teacher", {}) for figures in measured]
        assert measured[1] == pytest.approx(measured[0], abs=1e-3)
        assert taught[1] == pytest.approx(taught[0], abs=1e-3)
        assert of_two.get("tokens") == of_one.get("tokens")
