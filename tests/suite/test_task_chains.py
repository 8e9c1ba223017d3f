from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.pattern import Field, Literal, Mask, Said, parse_pattern, without_soft
from pet_mtl.suite.suite import Suite, load_suite

TASK = """\
  {name}:
    patterns: "{pattern}"
    verbalizer: {{"0": 好, "1": 坏}}
    columns: {{text: 0, label: 1}}
    data: {{train: a.tsv}}
"""


def write(folder: Path, **patterns: str) -> Path:
    tasks = "".join(TASK.format(name=name, pattern=pattern) for name, pattern in patterns.items())
    (folder / "my.yaml").write_text(f"version: 1\nmodel: m\ntasks:\n{tasks}", encoding="utf-8")
    return folder / "my.yaml"


def test_the_place_of_a_prediction() -> None:
    pattern = parse_pattern("{task:a}的{mask}{text}{task:b}{task:a}")
    assert pattern.parts == (
        Said("a"), Literal("的"), Mask(), Field("text"), Said("b"), Said("a"),
    )  # fmt: skip
    assert pattern.tasks == ("a", "b")
    assert pattern.fields == ("text",)
    source = "{soft:2}{{{task:a}}}{mask}{text}"
    assert without_soft(source) == "{{{task:a}}}{mask}{text}"
    for wrong in ("{task:}{mask}{text}", "{task: a}{mask}{text}"):
        with pytest.raises(PetMtlError, match="names no task"):
            parse_pattern(wrong)


def test_a_chain(tmp_path: Path) -> None:
    file = write(
        tmp_path, a="{mask}{text}", b="{task:a}{mask}{text}", c="{task:b}{mask}{task:a}{text}"
    )
    suite = load_suite(file)
    assert [task.reads for task in suite.tasks.values()] == [(), ("a",), ("b", "a")]
    assert Suite.model_validate_json(suite.model_dump_json()) == suite


A, B = "{mask}{text}", "{task:a}{mask}{text}"


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        (
            {"topic": A, "b": "{task:topc}{mask}{text}"},
            "my.yaml:10: `{task:topc}`: there is no task `topc`\n  hint: did you mean `topic`?",
        ),
        (
            {"a": "{task:b}{mask}{text}", "b": A},
            "my.yaml:5: `{task:b}`: the task `b` comes later in the file\n"
            "  hint: put `b` before `a`",
        ),
        (
            {"a": B},
            "my.yaml:5: `{task:a}`: the task reads its own prediction, which goes in a circle",
        ),
        (
            {"a": "{task:c}{mask}{text}", "b": B, "c": "{task:b}{mask}{text}"},
            "my.yaml:5: `{task:c}`: tasks read one another in a circle: a → c → b → a",
        ),
    ],
)
def test_wrong_chains(tmp_path: Path, patterns: dict[str, str], words: str) -> None:
    with pytest.raises(PetMtlError) as caught:
        load_suite(write(tmp_path, **patterns))
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{tmp_path}/{words}"), problem


def test_other_fields(tmp_path: Path) -> None:
    file = write(tmp_path, a=A, b=B.replace("text", "title"))
    text = file.read_text(encoding="utf-8")
    head, tail = text.split("  b:")
    file.write_text(head + "  b:" + tail.replace("text:", "title:"), encoding="utf-8")
    with pytest.raises(
        PetMtlError, match="the task `a` reads `text`, which the rows of `b` have not"
    ):
        load_suite(file)


def test_without_what_is_read(tmp_path: Path) -> None:
    file = write(tmp_path, a=A, b=B)
    with pytest.raises(
        PetMtlError, match="--tasks b: `b` reads what `a` predicts, which is left out"
    ):
        load_suite(file, only=["b"])
    assert list(load_suite(file, only=["a"]).tasks) == ["a"]
    with pytest.raises(PetMtlError, match=r"my\.yaml:10: .*`heads` reads none"):
        load_suite(file, method="heads")


def test_a_stored_suite_with_a_circle(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, a=A, b=B))
    for wrong in ({"b": suite.tasks["b"]}, dict(reversed(suite.tasks.items()))):
        with pytest.raises(ValueError, match=r"`\{task:a\}`"):
            Suite.model_validate(suite.model_dump() | {"tasks": wrong})
