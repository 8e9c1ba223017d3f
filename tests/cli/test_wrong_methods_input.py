"""Chains, loss terms, teachers, averages and sharing that cannot be: refused at start-up, with the
place, by the real commands; nothing is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from toy_suite import write_suite

from pet_mtl.suite.suite import load_suite
from pet_mtl.training.run import train

Refuse = Callable[..., str]
TOPIC, PAIR = '"{mask}。{title}"', '"{one}？{mask}，{two}"'
END = "  dropout: 0.0\n"

# what is replaced in the pattern file, by what, what the error says
FILES = {
    "unknown task": (
        PAIR,
        '"{task:topik}{one}？{mask}，{two}"',
        ["toy.yaml:12: `{task:topik}`: there is no task `topik`", "did you mean `topic`?"],
    ),
    "later task": (
        TOPIC,
        '"{task:pair}{mask}。{title}"',
        ["toy.yaml:7: `{task:pair}`: the task `pair` comes later", "put `pair` before `topic`"],
    ),
    "itself": (
        TOPIC,
        '"{task:topic}{mask}。{title}"',
        ["toy.yaml:7: `{task:topic}`: the task reads its own prediction", "hint: "],
    ),
    "no name": (
        TOPIC,
        '"{task:}{mask}。{title}"',
        ["toy.yaml:7: `{task:}` names no task", "write `{task:topic}`"],
    ),
    "other fields": (
        PAIR,
        '"{task:topic}{one}？{mask}，{two}"',
        ["toy.yaml:12: `{task:topic}`: the task `topic` reads `title`", "call the columns alike"],
    ),
    "detach of nothing": (
        "    description: topics\n",
        "    description: topics\n    detach: false\n",
        ["toy.yaml:6: `detach: false` of `topic` has nothing to act on", "{task:NAME}"],
    ),
    "detach of no kind": (
        "    description: topics\n",
        "    description: topics\n    detach: sometimes\n",
        ['toy.yaml:6: `tasks.topic.detach` must be `true` or `false`, found `"sometimes"`'],
    ),
    "no unlabelled rows": (
        END,
        END + "  losses:\n    mlm:\n      text: unlabelled\n",
        ["toy.yaml:25: `train.losses.mlm` reads unlabelled rows, and no task has any", "hint: "],
    ),
    "ema of one": (
        END,
        END + "  ema: 1\n",
        ["toy.yaml:23: `train.ema` must be below 1", "hint: for example `ema: 0.999"],
    ),
    "ema of two": (
        END,
        END + "  ema: 2\n",
        ["toy.yaml:23: `train.ema` must be below 1", "hint: for example `ema: 0.999"],
    ),
    "ema below 0": (END, END + "  ema: -0.1\n", ["toy.yaml:23: `train.ema` must be at least 0"]),
    "ema of words": (END, END + "  ema: slow\n", ["toy.yaml:23: `train.ema` must be a number"]),
    "focal below 0": (
        END,
        END + "  losses: {focal: {gamma: -1}}\n",
        ["toy.yaml:23: `train.losses.focal.gamma` must be at least 0"],
    ),
    "no such loss": (
        END,
        END + "  losses: {fokal: {gamma: 1}}\n",
        ["toy.yaml:23: unknown key `fokal`", "did you mean `focal`?"],
    ),
    "no such weighting": (
        END,
        END + "  weighting: dtpp\n",
        ["toy.yaml:23: `train.weighting`: must be ", "dtp"],
    ),
    "no experts": (
        END,
        END + "method: {name: heads, sharing: moe, experts: 0}\n",
        ["toy.yaml:23: `method.experts` must be at least 1"],
    ),
    "no such sharing": (
        END,
        END + "method: {name: heads, sharing: mixture}\n",
        ["toy.yaml:23: `method.sharing` must be ", "cross-stitch"],
    ),
    "no such route": (
        END,
        END + "method: {name: heads, sharing: snr, routes: wide}\n",
        ["toy.yaml:23: `method.routes` must be ", "transform"],
    ),
    "layers of mmoe": (
        END,
        END + "method: {name: heads, sharing: mmoe, layers: [1]}\n",
        ["toy.yaml:23: ", "`layers` is for `sharing: ple` and `cross-stitch`"],
    ),
    "layers that are not there": (
        END,
        END + "method: {name: heads, sharing: cross-stitch, layers: [1, 9]}\n",
        ["layer 9", "hint: "],
    ),
    "levels of layers that are not there": (
        END,
        END + "method: {name: heads, sharing: ple, layers: [9]}\n",
        ["layer 9", "hint: "],
    ),
    "sharing of pet": (
        END,
        END + "method: {name: pet, sharing: moe}\n",
        ["toy.yaml:23: unknown key `sharing`"],
    ),
}


@pytest.mark.parametrize(("old", "new", "words"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("command", ["train", "distill", "compare"])
def test_pattern_files(
    refuse: Refuse, suite: Path, old: str, new: str, words: list[str], command: str
) -> None:
    text = suite.read_text(encoding="utf-8")
    assert old in text
    suite.write_text(text.replace(old, new, 1), encoding="utf-8")
    options = ["--methods", "pet"] if command == "compare" else []
    if (command == "compare" and "method:" in new) or (command == "distill" and "[" in new):
        pytest.skip("compare has its own methods; distill has a folder before it has a model")
    found = refuse(command, "--patterns", "suite/toy.yaml", *options, "--out", "run")
    for word in words:
        assert word in found


def test_a_circle(refuse: Refuse, suite: Path) -> None:
    text = suite.read_text(encoding="utf-8")
    text = text.replace(TOPIC, '"{task:pair}{mask}。{title}"')
    suite.write_text(text.replace(PAIR, '"{task:topic}{one}{mask}，{two}"'), encoding="utf-8")
    found = refuse("train", "--patterns", suite, "--out", "run")
    assert (
        "toy.yaml:7: `{task:pair}`: tasks read one another in a circle: topic → pair → topic"
        in (found)
    )


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory, backbone: Path) -> Path:
    """A checkpoint of other tasks."""
    folder = tmp_path_factory.mktemp("stranger")
    write_suite(folder, backbone, limit="max_steps: 1")
    file = folder / "toy.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("  topic:  ", "  subject:"), encoding="utf-8")
    train(load_suite(file, only=["subject"]), folder / "run")
    return folder / "run" / "checkpoint"


def test_a_teacher_of_other_tasks(refuse: Refuse, suite: Path, stranger: Path) -> None:
    for command in ("train", "distill"):
        found = refuse(command, "--patterns", suite, "--teacher", stranger, "--out", "run")
        assert f"--teacher {stranger}: knows subject, but none of topic, pair" in found
        assert "hint: give a checkpoint of these tasks" in found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["train.ema=1"], "-s train.ema=1: `train.ema` must be below 1"),
        (["train.ema=.nan"], "-s train.ema=.nan: `train.ema`"),
        (["train.losses.mlm.text=both"], "-s train.losses.mlm.text=both: "),
        (["tasks.pair.detach=false"], "-s tasks.pair.detach=false: `detach: false` of `pair`"),
        (['tasks.pair.patterns="{task:none}{one}{mask}{two}"'], "there is no task `none`"),
        (["train.label_share=2"], "-s train.label_share=2: "),
        (["train.adversarial=-1"], "-s train.adversarial=-1: "),
        (["train.surgery=pc"], "-s train.surgery=pc: "),
        (["train.weighting.topic=-1"], "-s train.weighting.topic=-1: "),
        (["train.weighting.topik=1"], "no task `topik`"),
    ],
)
def test_options(refuse: Refuse, suite: Path, options: list[str], words: str) -> None:
    told = [part for option in options for part in ("-s", option)]
    assert words in refuse("train", "--patterns", suite, *told, "--out", "run")
