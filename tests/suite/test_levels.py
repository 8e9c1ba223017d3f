"""`levels:` in a pattern file: the tree of the labels, its words, and what is wrong."""

from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import TaskSpec

FILE = """\
version: 1
model: zh-mini
tasks:
  toy:
    patterns: "{{mask}}{{text}}"
    verbalizer: words.txt
    columns: {{text: 0, label: 1}}
    data: {{train: a, dev: b}}
{more}
"""
WORDS = """\
news         新闻
news/sports  体育
news/other   其他
shop         购物
shop/food    食品
shop/other   其他
weather      天气
"""


def load(folder: Path, *more: str, words: str = WORDS) -> Suite:
    (folder / "words.txt").write_text(words, encoding="utf-8")
    file = folder / "toy.yaml"
    lines = "\n".join(f"    {line}" for line in more)
    file.write_text(FILE.format(more=lines), encoding="utf-8")
    return load_suite(file)


def test_the_labels_are_the_leaves(tmp_path: Path) -> None:
    task = load(tmp_path, "levels: by_level").tasks["toy"]
    leaves = ("news/sports", "news/other", "shop/food", "shop/other", "weather")
    assert task.verbalizer.labels == leaves
    assert task.readings.labels == (*leaves, "news", "shop")
    assert task.readings.words[5:] == (("新闻",), ("购物",))
    assert task.readings.where(5).endswith("words.txt:1")
    assert task.apart == ("news", "news", "shop", "shop", "", "", "")
    assert (task.kind_spec.levels, task.kind_spec.above) == ("by_level", ("news", "shop"))
    assert not task.kind_spec.facts.plain


def test_jointly_the_leaves_alone_are_read(tmp_path: Path) -> None:
    words = WORDS.replace("shop/other   其他\n", "")
    task = load(tmp_path, "levels: joint", words=words).tasks["toy"]
    assert task.readings.labels == ("news/sports", "news/other", "shop/food", "weather")
    assert task.above is None


def test_another_separator(tmp_path: Path) -> None:
    more = ("levels: by_level", 'level_separator: " > "')
    words = 'a 一\n"a > b" 二\n"a > c" 三\nd/e 四\n'
    task = load(tmp_path, *more, words=words).tasks["toy"]
    assert task.verbalizer.labels == ("a > b", "a > c", "d/e")


def test_what_is_stored_is_read_back_and_a_plain_task_says_nothing_of_levels(
    tmp_path: Path,
) -> None:
    suite = load(tmp_path, "levels: by_level")
    assert Suite.model_validate_json(suite.model_dump_json()) == suite
    plain = load(tmp_path, words="a 一\nb 二\n").tasks["toy"]
    assert not {"levels", "level_separator", "above"} & set(plain.model_dump())
    assert isinstance(plain, TaskSpec)


@pytest.mark.parametrize(
    ("more", "words", "place", "message"),
    [
        (["levels: both"], WORDS, "toy.yaml:9", "must be"),
        (["levels: by_level"], "a 一\nb 二\n", "words.txt", "no label holds the separator `/`"),
        (
            ["levels: by_level"],
            WORDS.replace("shop         购物\n", ""),
            "words.txt:4",
            'the level "shop" above label "shop/food" has no label words',
        ),
        (["levels: by_level"], WORDS + "/x 空\n", "words.txt:8", "a level without a name"),
        (["levels: by_level"], WORDS + "x//y 空\n", "words.txt:8", "a level without a name"),
        (["levels: by_level"], WORDS + "x/y/ 空\n", "words.txt:8", "a level without a name"),
        (["levels: by_level"], "a 一\na/b 二\n", "words.txt:2", "only one label"),
        (
            ["levels: by_level"],
            WORDS + "shop/last 食品\n",
            "words.txt:8",
            "have the same label words",
        ),
        (["levels: joint"], WORDS, "words.txt:6", "have the same label words"),
        (["levels: by_level", "kind: ordered"], WORDS, "toy.yaml:", "`levels` is for the kind"),
        (
            ["levels: by_level", "verbalizer_kind: automatic"],
            WORDS,
            "toy.yaml:",
            "is not for `levels: by_level`",
        ),
        (['level_separator: "|"'], "a 一\nb 二\n", "toy.yaml:", "for tasks with `levels`"),
        (["levels: by_level", "above: {}"], WORDS, "toy.yaml:10", "unknown key `above`"),
        (["levels: by_level", 'level_separator: ""'], WORDS, "toy.yaml:10", "level_separator"),
    ],
)
def test_what_is_wrong(
    tmp_path: Path, more: list[str], words: str, place: str, message: str
) -> None:
    with pytest.raises(PetMtlError) as caught:
        load(tmp_path, *more, words=words)
    assert message in str(caught.value)
    assert place in str(caught.value)
