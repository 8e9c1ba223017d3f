from collections.abc import Sequence
from pathlib import Path

import pytest

from pet_mtl.comparison.plan import Cell, cell_suite, plan_cells, read_variants, seeds_of
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite


@pytest.fixture
def load(suite_file: Path):  # type: ignore[no-untyped-def]
    def load(method: str, options: Sequence[str]) -> Suite:
        return load_suite(suite_file, overrides=options, method=method)

    return load


def test_methods_carry_options(load) -> None:  # type: ignore[no-untyped-def]
    found = read_variants("pet, heads:features=mean:train.learning_rate=1e-4,heads", load)
    assert [variant.name for variant in found] == [
        "pet",
        "heads:features=mean:train.learning_rate=1e-4",
        "heads",
    ]
    assert found[1].suite.method.model_dump()["features"] == "mean"
    assert [variant.suite.train.learning_rate for variant in found] == [0.01, 1e-4, 0.01]


def test_methods_may_differ_in_weighting_and_surgery(load) -> None:  # type: ignore[no-untyped-def]
    text = "pet,pet:train.weighting=uncertainty,cln:train.weighting.topic=2:train.surgery=pcgrad,openprompt"
    settings = [variant.suite.train for variant in read_variants(text, load)]
    assert [one.weighting for one in settings] == ["none", "uncertainty", {"topic": 2.0}, "none"]
    assert [one.surgery for one in settings] == ["none", "none", "pcgrad", "none"]


def test_openprompt_trains_without_them(suite_file: Path) -> None:
    def load(method: str, options: Sequence[str]) -> Suite:
        first = ["train.weighting=gradnorm", "train.surgery=mgda"]
        return load_suite(suite_file, overrides=[*first, *options], method=method)

    pet, other = read_variants("pet,openprompt", load)
    assert (pet.suite.train.weighting, pet.suite.train.surgery) == ("gradnorm", "mgda")
    assert (other.suite.train.weighting, other.suite.train.surgery) == ("none", "none")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pet,pet", "method `pet` is named twice"),
        ("pte", 'there is no method `"pte"`'),
        ("", 'there is no method `""`'),
        ("heads:mean", "`mean` is no option of a method"),
        ("heads:name=cln", "`name=cln` is no option of a method"),
        ("heads:train.epochs=9", "`train.epochs=9` is no option of a method"),
        ("heads:features=men", "`method.features` must be one of"),
        ("pet:features=mean", "unknown key `features`"),
    ],
)
def test_wrong_methods(load, text: str, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PetMtlError, match=words):
        read_variants(text, load)


def test_wrong_options_of_methods_are_told_where_they_stand(suite_file: Path) -> None:
    def load(method: str, options: Sequence[str]) -> Suite:
        overrides = ["train.foo=1", *options]
        return load_suite(suite_file, overrides=overrides, method=method)

    text = "heads:foo=1:train.losses.bar=2,heads:adversarial=0.1,openprompt:train.learning_rate=x"
    with pytest.raises(PetMtlError) as caught:
        read_variants(text, load)
    told = [(problem.where, problem.message[:30]) for problem in caught.value.problems]
    assert sorted(told, key=str) == [
        (f"--methods {text}", "`method`: `adversarial` is for"),
        (f"--methods {text}", "`train.learning_rate` must be "),
        (f"--methods {text}", "unknown key `bar`"),
        (f"--methods {text}", "unknown key `foo`"),
        ("-s train.foo=1", "unknown key `foo`"),  # which was given for all
    ]


def test_cells(load) -> None:  # type: ignore[no-untyped-def]
    cells = plan_cells(read_variants("pet,heads,cln", load), [0, 8, "all"], [1, 2], ["a", "b"])
    assert [cell for cell in cells if cell.shots == 0] == [Cell("pet", 0, 1)]
    assert len(cells) == len({cell.folder for cell in cells}) == 1 + 3 * 2 * 2 * 3
    assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells)


def test_methods_never_share_a_folder() -> None:
    long = "heads:" + ":".join(f"train.losses.{'x' * 20}{n}=1" for n in range(9))
    names = [
        "heads:sharing=soft:penalty=1e+1",
        "heads:sharing=soft:penalty=1e-1",
        "heads:sharing=ple:layers=[1]",
        "heads:sharing=ple:layers= 1 ",
        "heads:train.weighting.新闻=1e+1",
        long,
        f"{long}0",
        f"heads:train.losses.{'新' * 90}=1",
    ]
    folders = [Cell(name, "all", 42).folder for name in names]
    assert len({*folders}) == len(names)
    assert folders[1] == "heads-sharing=soft-penalty=1e-1.all.seed-42.joint"  # as ever
    assert max(len(folder.encode()) for folder in folders) < 150
    alone = [Cell(name, "all", 42, "t" * 199 + end).folder for name in names for end in "ab"]
    assert len({*alone}) == 2 * len(names)
    assert max(len(folder.encode()) for folder in alone) <= 255


def test_seeds_are_the_next_ones_and_end_where_seeds_end(load) -> None:  # type: ignore[no-untyped-def]
    last = load("pet", ["train.seed=4294967294"])
    assert seeds_of(last, 2) == [4294967294, 4294967295]
    with pytest.raises(PetMtlError, match=r"--seeds 3: .* would pass 4294967295"):
        seeds_of(last, 3)


def half(joint: Suite) -> int:
    """As if a task alone needed half as many steps."""
    assert len(joint.tasks) == 2
    assert joint.train.max_steps is not None
    return -(-joint.train.max_steps // 2)


def test_a_task_alone_sees_as_many_rows_as_jointly(load) -> None:  # type: ignore[no-untyped-def]
    suite, rows = (
        load("pet", ["train.epochs=4", "sampling.temperature=0.5"]),
        {"topic": 900, "pair": 100},
    )
    seen = {
        task: cell_suite(suite, Cell("pet", "all", 7, task), rows, 100, half).train.epochs
        * rows[task]
        for task in rows
    }
    assert seen == pytest.approx({"topic": 4 * 1000 * 0.75, "pair": 4 * 1000 * 0.25})
    joint = cell_suite(suite, Cell("pet", "all", 7), rows, 100, half)
    assert joint == suite.model_copy(update={"train": suite.train.model_copy(update={"seed": 7})})
    assert list(cell_suite(suite, Cell("pet", "all", 7, "pair"), rows, 100, half).tasks) == ["pair"]


@pytest.mark.parametrize(
    ("overrides", "shots", "task", "steps", "every"),
    [
        ([], "all", None, None, None),
        ([], 8, None, 100, 25),
        ([], 8, "topic", 50, 13),
        (["train.max_steps=30"], "all", None, 30, None),
        (["train.max_steps=30"], 8, None, 30, 8),
        (["train.max_steps=30"], "all", "topic", 15, None),
        (["train.max_steps=300", "train.evaluate_every=9"], 8, None, 100, 9),
        (["train.max_steps=1"], 8, "topic", 1, 1),
    ],
)
def test_steps(load, overrides, shots, task, steps, every) -> None:  # type: ignore[no-untyped-def]
    train = cell_suite(
        load("pet", overrides), Cell("pet", shots, 1, task), {"topic": 40, "pair": 40}, 100, half
    ).train
    assert (train.max_steps, train.evaluate_every) == (steps, every)
    if shots != "all":
        assert train.epochs == steps
