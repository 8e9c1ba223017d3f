"""Two processes compute what one computes. They talk over 127.0.0.1 only."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import run_together
from safetensors.torch import load_file
from toy_runs import weights_in

from pet_mtl.storage.outputs import TEACHER
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.training.run import train

SCRIPT = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path
    import torch
    from pet_mtl import console
    from pet_mtl.suite.suite import load_suite
    from pet_mtl.training.run import train

    torch.set_num_threads(1)
    console.show()
    told = []
    for file, out, resume, overrides in json.loads(sys.argv[1]):
        told.append(train(load_suite(Path(file), overrides=overrides), Path(out), resume=resume).to_json())
    print(json.dumps(told))
    """
)


SETTINGS: dict[str, dict[str, object]] = {
    "epoch": {"epochs": 1, "evaluate_every": 5},
    "tiny": {
        "max_steps": 5,
        "batch_tokens": 30,
        "accumulate": 2,
        "evaluate_every": 2,
    },  # steps of one or two rows
    "surgery": {
        "max_steps": 6,
        "surgery": "pcgrad",
        "weighting": "gradnorm",
        "adversarial": 0.3,
        "evaluate_every": 3,
    },
    "adversarial": {"max_steps": 4, "adversarial": 0.3, "evaluate_every": 4},
    "terms": {
        "max_steps": 4,
        "evaluate_every": 4,
        "losses": "{focal: {gamma: 1.5}, class_weights: {beta: 0.5}, r_drop: {alpha: 2}}",
    },
    "dropout": {
        "max_steps": 4,
        "dropout": 0.2,
        "batch_tokens": 120,
        "accumulate": 2,
        "evaluate_every": 2,
        "losses": "{r_drop: {alpha: 2}}",
    },
    "average": {"max_steps": 4, "ema": 0.9, "evaluate_every": 2},
    "piece_terms": {
        "max_steps": 4,
        "weighting": "dtp",
        "evaluate_every": 4,
        "losses": "{adapet: {labels: 0.5}, contrastive: {weight: 0.4}, mlm: {balance: alternating}, "
        "task_discriminator: {}, word_frequency: {}, shuffle: {}}",
    },
    # a step of its own, after one that exchanges no gradients by itself
    "alternating": {
        "max_steps": 3,
        "evaluate_every": 3,
        "surgery": "pcgrad",
        "losses": "{mlm: {balance: alternating}, shuffle: {weight: 0.5}}",
    },
    "piece_terms_apart": {
        "max_steps": 3,
        "evaluate_every": 3,
        "surgery": "pcgrad",
        "adversarial": 0.2,
        "losses": "{contrastive: {}, mlm: {alpha: 0.2}, task_discriminator: {weight: 0.5}}",
    },
}


@pytest.mark.slow
def test_two_processes_are_one_with_chained_tasks(suite_file: Path, tmp_path: Path) -> None:
    """Each process asks the model about its own rows, whose other task says the same in both."""
    told = []
    for detach in ("true", "false"):
        overrides = [
            f"tasks.mood.detach={detach}",
            'tasks.mood.patterns=["{task:colour}{text}。{mask}!"]',
            "train.max_steps=4",
            "train.evaluate_every=4",
        ]
        train(load_suite(suite_file, overrides=overrides), tmp_path / "one" / detach)
        told.append((str(suite_file), str(tmp_path / "two" / detach), False, overrides))
    done = run_together(2, SCRIPT, json.dumps(told))
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    for detach in ("true", "false"):
        compare(tmp_path / "one" / detach, tmp_path / "two" / detach)


@pytest.mark.slow
def test_two_processes_are_one(
    suite_file: Path, make_suite: Callable[..., Suite], tmp_path: Path
) -> None:
    alone = {
        name: train(make_suite(**settings), tmp_path / "one" / name)
        for name, settings in SETTINGS.items()
    }
    overrides = {
        n: [f"train.{key}={value}" for key, value in s.items()] for n, s in SETTINGS.items()
    }
    jobs = [(name, False) for name in SETTINGS] + [
        ("epoch", True)
    ]  # the last one is finished and only reports
    told = [
        (str(suite_file), str(tmp_path / "two" / name), resume, overrides[name])
        for name, resume in jobs
    ]
    done = run_together(2, SCRIPT, json.dumps(told))
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    assert "training:" in done[0].stderr
    assert "training:" not in done[1].stderr
    for process in done:
        for (name, _), result in zip(jobs, json.loads(process.stdout), strict=True):
            expected = alone[name].to_json()
            for key in ("steps", "best_step", "tasks"):
                assert result[key] == expected[key], (name, key)
    for name in SETTINGS:
        compare(tmp_path / "one" / name, tmp_path / "two" / name)


ASKING = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path
    import torch
    from pet_mtl import console
    from pet_mtl.scoring import log_probs
    from pet_mtl.suite.suite import load_suite
    from pet_mtl.training import ask as asking
    from pet_mtl.training.run import train

    torch.set_num_threads(1)
    console.show()
    file, out, overrides, teacher = json.loads(sys.argv[1])
    rows, asked, chained_batch = [], [0], log_probs.chained_batch

    def counted(model, prompts, plan, *more):
        rows.append(len(plan.items))
        return chained_batch(model, prompts, plan, *more)

    def ask(*arguments):
        found = ask_teacher(*arguments)
        asked[0] = sum(rows)
        return found

    log_probs.chained_batch = counted
    ask_teacher, asking.ask_teacher = asking.ask_teacher, ask
    train(load_suite(Path(file), overrides=overrides), Path(out), teachers=[Path(teacher)])
    print(asked[0])
    """
)


@pytest.mark.slow
def test_two_processes_ask_a_teacher_together(suite_file: Path, tmp_path: Path) -> None:
    """Each about its share of the batches: none waits while another does all the work."""
    overrides = ["train.max_steps=2", "train.evaluate_every=2", "train.batch_tokens=60"]
    train(load_suite(suite_file, overrides=overrides), tmp_path / "teacher")
    teacher = tmp_path / "teacher" / "checkpoint"
    train(load_suite(suite_file, overrides=overrides), tmp_path / "one", teachers=[teacher])
    told = json.dumps([str(suite_file), str(tmp_path / "two"), overrides, str(teacher)])
    done = run_together(2, ASKING, told)
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    assert all(int(process.stdout) > 0 for process in done)
    assert "asking" not in done[1].stderr
    one, two = (load_file(tmp_path / run / TEACHER) for run in ("one", "two"))
    assert one.keys() == two.keys() == {"colour", "mood", "pair"}
    assert all(torch.equal(two[task], said) for task, said in one.items())
    compare(tmp_path / "one", tmp_path / "two")


def compare(one: Path, two: Path) -> None:
    for folder in ("last", "checkpoint"):
        expected, found = weights_in(one / folder), weights_in(two / folder)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=2e-4, msg=name)
    logs = [(run / "metrics.jsonl").read_text().splitlines() for run in (one, two)]
    for line, other in zip(*logs, strict=True):
        of_one, of_two = json.loads(line), json.loads(other)
        assert of_two.get("loss", {}) == pytest.approx(of_one.get("loss", {}), abs=1e-3)
        assert of_two.get("dev") == of_one.get("dev")
        assert of_two.get("rows") == of_one.get("rows")
        assert of_two.get("weights", {}) == pytest.approx(of_one.get("weights", {}), abs=1e-3)
        assert of_two.get("terms", {}) == pytest.approx(of_one.get("terms", {}), abs=1e-3)
        assert of_two.get("conflicts") == of_one.get("conflicts")
    counters = [json.loads((run / "last" / "training.json").read_text()) for run in (one, two)]
    for key in ("step", "rows", "tokens", "best_step", "stale", "finished"):
        assert counters[1][key] == counters[0][key], key
