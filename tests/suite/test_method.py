import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.method import METHODS, ClnMethod, HeadsMethod, LayerMix, PetMethod
from pet_mtl.suite.suite import Suite, load_suite

TEXT = """\
version: 1
model: zh-mini
tasks:
  a: {patterns: "{mask}{text}", verbalizer: {x: 一, y: 二}, columns: {text: 0, label: 1}, data: {train: a.tsv}}
  b: {patterns: "{mask}{text}", verbalizer: {x: 一, y: 二}, columns: {text: 0, label: 1}, data: {train: b.tsv}}
"""
HEADS = "method:\n  name: heads\n  features: max\n"
EDGES = [
    ("features", ["cls", "pooled", "mean", "max", "attention", {"layers": [0, -1]}], ["sum", 3, None, [1],
     {"layers": []}, {"layers": [1.5]}, {"layers": [True]}, {"layers": 2}, {"layer": [1]}]),
    ("decoder", ["linear", "mlp", "lstm"], ["gru", None]),
    ("width", [1, 512], [0, 1.5, None]),
    ("sharing", ["hard", "soft", "shared-private", "moe", "mmoe", "ple", "snr", "cross-stitch"], ["eggs", None]),
    ("layers", [None], [[], 2, [1.5], [True], "1"]),
    ("penalty", [0, 0.5, float("inf")], [-1, float("nan"), "1"]),
    ("experts", [1, 8], [0]),
    ("task_experts", [0, 2], [-1]),
    ("levels", [1, 8], [0, 9]),
    ("routes", ["average", "transform"], ["matrix", None]),
    ("route_penalty", [0, 0.1], [-1, None]),
    ("adversarial", [0], [-1, None]),
    ("orthogonality", [0], [-1, None]),
    ("expert_width", [1, None], [0]),
    ("dropout", [0, 0.5], [1, -0.1, None]),
    ("learning_rate", [1e-3, 1, None], [0, 1.1]),
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text(TEXT, encoding="utf-8")
    return Path("my.yaml")


def problems(path: Path, **arguments: Any) -> list[str]:
    with pytest.raises(PetMtlError) as caught:
        load_suite(path, **arguments)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(("name", "valid", "invalid"), EDGES)
def test_bounds_of_heads(name: str, valid: list[Any], invalid: list[Any]) -> None:
    for value in valid:
        method = HeadsMethod.model_validate({"name": "heads", name: value})
        assert getattr(method, name) == (
            LayerMix(layers=(0, -1)) if isinstance(value, dict) else value
        )
    for value in invalid:
        with pytest.raises(ValidationError):
            HeadsMethod.model_validate({"name": "heads", name: value})


@pytest.mark.parametrize("sharing", ["ple", "cross-stitch"])
def test_layers(sharing: str) -> None:
    given = {"name": "heads", "sharing": sharing, "layers": [1, -1]}
    assert HeadsMethod.model_validate(given).layers == (1, -1)


def test_the_table_has_every_option_and_each_is_described() -> None:
    assert ["name", *(name for name, _, _ in EDGES)] == list(HeadsMethod.model_fields)
    for method in METHODS.values():
        assert all(
            field.description for name, field in method.model_fields.items() if name != "name"
        )


def test_bounds_of_cln() -> None:
    assert ClnMethod(name="cln", size=1, prefix=True, learning_rate=0.5).prefix
    for wrong in ({"size": 0}, {"prefix": 1}, {"learning_rate": 0}, {"features": "cls"}):
        with pytest.raises(ValidationError):
            ClnMethod.model_validate({"name": "cln", **wrong})


@pytest.mark.parametrize(
    ("text", "arguments", "wanted"),
    [
        ("", {}, PetMethod()),
        ("method:\n", {}, PetMethod()),
        ("method: pet\n", {}, PetMethod()),
        ("method: {}\n", {}, PetMethod()),
        ("method: {learning_rate: 0.1}\n", {}, PetMethod(learning_rate=0.1)),
        ("", {"overrides": ["method.learning_rate=0.1"]}, PetMethod(learning_rate=0.1)),
        ("method: cln\n", {"overrides": ["method.size=4"]}, ClnMethod(name="cln", size=4)),
        (("method: {name: cln, size: 7}\n"), {"method": "cln"}, ClnMethod(name="cln", size=7)),
        (HEADS, {}, HeadsMethod(name="heads", features="max")),
        (HEADS, {"sharing": "ple"}, HeadsMethod(name="heads", features="max", sharing="ple")),
        (HEADS, {"method": "heads"}, HeadsMethod(name="heads", features="max")),
        (HEADS, {"method": "cln"}, ClnMethod(name="cln")),
        (HEADS, {"method": "pet"}, PetMethod()),
        ("", {"method": "heads", "sharing": "mmoe"}, HeadsMethod(name="heads", sharing="mmoe")),
        ("", {"overrides": ["method=heads"]}, HeadsMethod(name="heads")),
        (
            "method: heads\n",
            {"overrides": ["method.features={layers: [1, 2]}", "method.penalty=.inf"]},
            HeadsMethod(name="heads", features=LayerMix(layers=(1, 2)), penalty=float("inf")),
        ),
    ],
)
def test_file_options_and_overrides(
    path: Path, text: str, arguments: dict[str, Any], wanted: object
) -> None:
    path.write_text(TEXT + text, encoding="utf-8")
    suite = load_suite(path, **arguments)
    assert suite.method == wanted
    assert (
        Suite.model_validate_json(json.dumps(suite.model_dump(mode="json"))) == suite
    )  # as a checkpoint keeps it


@pytest.mark.parametrize(
    ("text", "arguments", "wanted"),
    [
        ("method: head\n", {}, ('my.yaml:6: there is no method `"head"`\n  hint: did you '
                                'mean '
                               '`heads`?')),
        ("method: 3\n", {}, ("my.yaml:6: `method` must be a name or keys and values, found "
                            "`3`")),
        ("method: {name: [1]}\n", {}, "my.yaml:6: there is no method a list"),
        (HEADS + "  feature: cls\n", {}, ("my.yaml:9: unknown key `feature`\n  hint: did "
                                          "you mean `features`?")),
        ("method: {name: cln, features: cls}\n", {}, "my.yaml:6: unknown key `features`\n "
                                                     " hint: known: `name`, "
         "`size`, `prefix`, `learning_rate`"),
        (HEADS + "  penalty: -1\n", {}, ("my.yaml:9: `method.penalty` must be at least 0, "
                                         "found `-1`")),
        (HEADS, {"overrides": ["method.features=men"]}, "-s method.features=men: "
                                                        "`method.features` must be one of "
         '`cls`, `pooled`, `mean`, `max` or `attention`, found `"men"`'),
        (("method:\n  name: heads\n  features:\n    layers: [1, "
         "x]\n"), {}, "my.yaml:9: `method.features.layers`: must "
         "be a list of layer numbers such as [-1, -2], found a list"),
        ("", {"method": "hds"}, ('--method hds: there is no method `"hds"`\n  hint: did '
                                 'you mean '
                                '`heads`?')),
        (HEADS, {"sharing": "eggs"}, "--sharing eggs: `method.sharing` must be one of `hard`, `soft`, "
         '`shared-private`, `moe`, `mmoe`, `ple`, `snr` or `cross-stitch`, found `"eggs"`'),
        (HEADS + "  layers: [1]\n", {}, "my.yaml:9: `method`: `layers` is for `sharing: ple` and "
                                        "`cross-stitch`, not for `hard`"),
        (HEADS + "  layers: [1, 2]\n  levels: 3\n", {"sharing": "ple"}, "my.yaml:9: `method`: there is one "
         "level for each of the 2 `layers`, but `levels` is 3: leave it out"),
        ("method: {name: heads, features: {layers: [1]}}\n", {"sharing": "cross-stitch"}, "my.yaml:6: "
         "`method`: `features` must be a name such as `mean` where `sharing: cross-stitch` reads layers of "
         "its own"),
        ("", {"sharing": "mmoe"}, "--sharing mmoe: `method.name` is missing\n  hint: say "
                                  "which: `--method heads`, or method: {name: heads}"),
        ("method: {size: 3, learning_rate: 0.1}\n", {}, "my.yaml:6: `method.name` is missing\n  hint: say "
                                  "which: `--method heads`, or method: {name: heads}"),
        ("", {"only": ["a", "c"]}, "--tasks a,c: no task `c`\n  hint: the tasks are a, b"),
        ("", {"only": []}, "--tasks : no task ``\n  hint: the tasks are a, b"),
    ],
)  # fmt: skip
def test_problems_have_their_place(
    path: Path, text: str, arguments: dict[str, Any], wanted: str
) -> None:
    path.write_text(TEXT + text, encoding="utf-8")
    assert problems(path, **arguments) == [wanted]


def test_some_tasks(path: Path) -> None:
    assert list(load_suite(path, only=["b", "a"]).tasks) == ["a", "b"]
    assert list(load_suite(path, only=["b"]).tasks) == ["b"]
    assert list(load_suite(path).tasks) == ["a", "b"]


def test_a_suite_of_before_is_of_the_cloze_method(path: Path) -> None:
    tree = load_suite(path).model_dump(mode="json")
    del tree["method"]
    assert Suite.model_validate_json(json.dumps(tree)).method == PetMethod()


@pytest.mark.parametrize(
    ("options", "unread"),
    [
        ({}, []),
        ({"sharing": "ple", "experts": 2, "task_experts": 2, "levels": 2, "expert_width": 8}, []),
        ({"sharing": "snr", "routes": "transform", "route_penalty": 0.5, "levels": 2}, []),
        ({"sharing": "soft", "penalty": 0.5, "decoder": "lstm", "width": 8}, []),
        ({"sharing": "moe", "levels": 2, "task_experts": 0}, ["task_experts", "levels"]),
        ({"penalty": 0.5, "width": 8, "expert_width": 8}, ["width", "penalty", "expert_width"]),
        (
            {"sharing": "ple", "routes": "transform", "route_penalty": 0},
            ["routes", "route_penalty"],
        ),
    ],
)
def test_options_that_nothing_reads_are_told(options: dict[str, Any], unread: list[str]) -> None:
    notes = HeadsMethod(name="heads", **options).notes()
    assert [note.split("`")[1] for note in notes] == [f"method.{name}" for name in unread]
