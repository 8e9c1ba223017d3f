"""Files of rows that are made out of training rows, by Python and by the command."""

from pathlib import Path
from typing import Any

import pytest
import toy_suite

from pet_mtl.data.delimited_rows import quoted_text
from pet_mtl.data.readers import read_rows
from pet_mtl.data.suite_data import load_suite_data, load_unlabelled
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.suite import Suite, load_suite
from pet_mtl.suite.task import TaskSpec
from pet_mtl.variants import make
from pet_mtl.variants.make import VariantsSettings, write_variants


@pytest.fixture
def suite(tmp_path: Path, backbone: Path) -> Suite:
    toy_suite.write_suite(tmp_path, backbone)
    return load_suite(tmp_path / "toy.yaml")


def _texts(file: Path, task: TaskSpec) -> list[tuple[str, ...]]:
    """What the task's own reader reads."""
    rows, _ = read_rows(file.name, task, base=file.parent, labelled=False)
    return [tuple(rows.text(number).values()) for number in range(len(rows))]


def test_rows_are_new_and_of_training_rows_only(suite: Suite, tmp_path: Path) -> None:
    written = write_variants(suite, tmp_path / "made", VariantsSettings(copies=2, recombined=50))
    data = load_suite_data(suite)
    for name, task in suite.tasks.items():
        texts = _texts(tmp_path / "made" / f"{name}.csv", task)
        assert len(texts) == written[name] > 0
        assert len(set(texts)) == len(texts)
        train = data[name].train
        known = {tuple(train.text(n).values()) for n in range(len(train))}
        assert not known & set(texts)
    one, other = zip(*(data["pair"].train.text(n).values() for n in range(20)), strict=True)
    assert all(
        first in one or second in other or {first, second} <= {*other}
        for first, second in _texts(tmp_path / "made" / "pair.csv", suite.tasks["pair"])
    )


def test_a_seed_gives_the_same_files(suite: Suite, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_variants(suite, tmp_path / name, VariantsSettings(recombined=9, seed=seed))
    a, b, c = [(tmp_path / name / "topic.csv").read_bytes() for name in "abc"]
    assert a == b != c


def test_each_copy_varies_another_text_by_draws_of_its_own() -> None:
    asked: list[tuple[int, float]] = []

    class Varier:
        def vary(self, rows: Any, field: int, rate: float, generator: Any, title: str) -> Any:
            asked.append((field, generator.random()))
            return [f"new {title}"]

    varier: Any = Varier()
    for name, seed in (("one", 1), ("two", 1), ("one", 2)):
        made = [*make._varied(varier, [("a", "b")], name, VariantsSettings(copies=3, seed=seed))]
        assert [texts.index(f"new {name}, copy {n}") for n, texts in enumerate(made, 1)] == [
            1,
            0,
            1,
        ]
    assert [field for field, _ in asked] == [-1, -2, -1] * 3
    assert len({number for _, number in asked}) == 9


def test_which_texts_are_recombined_is_drawn_by_seed_and_task() -> None:
    rows = [("p", str(number)) for number in range(50)]
    drawn = [
        [*make._recombined(rows, name, VariantsSettings(recombined=5, seed=seed))]
        for name, seed in (("one", 1), ("one", 1), ("two", 1), ("one", 2))
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert drawn[0] != drawn[3]


def test_a_folder_that_is_named_from_where_one_stands(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = VariantsSettings(recombined=9)
    written = write_variants(suite, Path("near"), settings)
    assert written == write_variants(suite, tmp_path / "far", settings)
    assert min(written.values()) > 0


def test_a_task_alone_gives_what_it_gives_among_others(suite: Suite, tmp_path: Path) -> None:
    write_variants(suite, tmp_path / "all", VariantsSettings())
    alone = load_suite(tmp_path / "toy.yaml", only=["pair"])
    write_variants(alone, tmp_path / "one", VariantsSettings())
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["pair.csv"]
    files = [tmp_path / folder / "pair.csv" for folder in ("all", "one")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_pattern_file_reads_what_was_made(tmp_path: Path, backbone: Path) -> None:
    """Its `unlabelled:` may stand there before the file does, and soft labels of such rows."""
    toy_suite.write_suite(tmp_path, backbone)
    file = tmp_path / "toy.yaml"
    text = file.read_text(encoding="utf-8")
    soft = '{"title": "旧文", "probabilities": {"sport": 0.5, "money": 0.5}}\n'
    (tmp_path / "soft.jsonl").write_text(soft, encoding="utf-8")
    with_soft = text.replace("dev: topic.dev.tsv", "dev: topic.dev.tsv, soft_labels: soft.jsonl")
    file.write_text(with_soft, encoding="utf-8")
    write_variants(load_suite(file), tmp_path / "before", VariantsSettings(copies=0))
    for name in ("topic", "pair"):
        old = f"dev: {name}.dev.tsv}}"
        assert old in text
        text = text.replace(old, f"dev: {name}.dev.tsv, unlabelled: made/{name}.csv}}")
    file.write_text(text, encoding="utf-8")
    written = write_variants(load_suite(file), tmp_path / "made", VariantsSettings(recombined=9))
    for name, data in load_suite_data(load_suite(file)).items():
        assert data.unlabelled is not None
        assert len(data.unlabelled) == written[name]


def test_a_folder_that_holds_something_stays(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine").write_text("mine")
    with pytest.raises(PetMtlError, match="not empty"):
        write_variants(suite, tmp_path / "made", VariantsSettings())
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["mine"]


def test_a_failure_leaves_no_folder(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> str:
        raise PetMtlError("in the middle")

    monkeypatch.setattr("pet_mtl.variants.make._file_text", fail)
    with pytest.raises(PetMtlError, match="in the middle"):
        write_variants(suite, tmp_path / "made", VariantsSettings())
    assert not list(tmp_path.glob("*made*"))


def test_what_another_command_wrote_meanwhile_stays(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, text_of = tmp_path / "made", make._file_text

    def meanwhile(*given: Any) -> str:
        made.mkdir(exist_ok=True)
        (made / "mine").write_text("mine")
        return text_of(*given)

    monkeypatch.setattr(make, "_file_text", meanwhile)
    with pytest.raises(PetMtlError, match="not empty"):
        write_variants(suite, made, VariantsSettings(copies=0))
    assert [file.name for file in made.iterdir()] == ["mine"]
    assert not list(tmp_path.glob(".made*"))


def test_a_split_of_dev_rows_is_that_of_the_seed(
    tmp_path: Path, backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy_suite.write_suite(tmp_path, backbone)
    file = tmp_path / "toy.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("dev: pair.dev.tsv", "dev: {split: 0.3}"), encoding="utf-8")
    suite = load_suite(file, overrides=["train.seed=7"])
    write_variants(suite, tmp_path / "made", VariantsSettings())
    assert "`train.seed: 7` decides which rows of pair are dev rows" in capsys.readouterr().err
    train = load_suite_data(suite)["pair"].train
    own = [tuple(train.text(number).values()) for number in range(len(train))]
    for one, other in _texts(tmp_path / "made" / "pair.csv", suite.tasks["pair"]):
        assert any(one == first or other == second for first, second in own)


@pytest.mark.parametrize("columns", ["{text: t, label: l}", "{text: 2, label: 0}"])
@pytest.mark.parametrize(
    "texts",
    [
        ['好,"天"', "坏\t天\n类", "天\r中", "新闻"],
        ["！！！", "坏\t天\n类", "新闻"],  # of the first nothing is made
        ["坏\t天", '天\t"好",类'],
    ],
)
def test_odd_texts_come_back_as_they_are(
    tmp_path: Path, backbone: Path, columns: str, texts: list[str]
) -> None:
    task = f"""tasks:
  odd:
    patterns: "{{text}}{{mask}}"
    verbalizer: {{a: 好, b: 坏}}
    columns: {columns}
    data: {{train: odd.csv}}
"""
    rows = [["t", "x", "l"]] if "t," in columns else []
    place = 0 if rows else 2
    for number, text in enumerate(texts):
        cells = ["ab"[number % 2]] * 3
        rows.append([*cells[:place], text, *cells[place + 1 :]])
    (tmp_path / "odd.csv").write_bytes(quoted_text(rows).encode())
    (tmp_path / "odd.yaml").write_text(f"version: 1\nmodel: {backbone}\n{task}", "utf-8")
    suite = load_suite(tmp_path / "odd.yaml")
    write_variants(suite, tmp_path / "made", VariantsSettings(rate=0.01))
    made = _texts(tmp_path / "made" / "odd.csv", suite.tasks["odd"])
    varied = [text for text in texts if text != "！！！"]
    by_length = [sorted(each, key=len) for each in ([new for (new,) in made], varied)]
    for new, old in zip(*by_length, strict=True):
        assert len(new) == len(old)
        assert sum(a != b for a, b in zip(new, old, strict=True)) == 1


TABBED = '坏\t"天"\n类'


@pytest.mark.parametrize("columns", ["{text: 0, label: 1}", "{id: 0, text: 1, label: 2}"])
@pytest.mark.parametrize(
    ("texts", "first"),
    [
        ([TABBED, "新闻", TABBED + "好"], 1),
        ([TABBED, TABBED + "好", '好\n天\t"'], 2),
        ([TABBED, TABBED + "好", '好\t"天"'], 2),
        (["text", "标题", "新闻"], 2),
        (["text", TABBED, "\ufeff新闻"], 2),
        (["\ufeff新闻", "新\ufeff闻"], 0),
        (["\ufeff", "\ufeff\ufeff,"], 0),
        (['\ufeff"天"\n\t类'], 0),
        ([TABBED, TABBED + "好"], None),
        (["text", "Title", TABBED], None),
    ],
)
def test_what_is_written_is_read_back(
    tmp_path: Path,
    backbone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: str,
    texts: list[str],
    first: int | None,
) -> None:
    """A file without a header starts with a row that says rightly what separates its columns."""
    ids = "id" in columns
    train = [["甲", "a"], ["乙", "b"]]
    rows = [[f"{n}", *row] if ids else row for n, row in enumerate(train)]
    (tmp_path / "odd.csv").write_bytes(quoted_text(rows).encode())
    (tmp_path / "odd.yaml").write_text(
        f"""version: 1
model: {backbone}
tasks:
  odd:
    patterns: "{{text}}{{mask}}"
    verbalizer: {{a: 好, b: 坏}}
    columns: {columns}
    data: {{train: odd.csv, unlabelled: made/odd.csv}}
""",
        "utf-8",
    )
    suite = load_suite(tmp_path / "odd.yaml")
    monkeypatch.setattr("pet_mtl.variants.make._varier", lambda suite: suite)
    monkeypatch.setattr("pet_mtl.variants.make._varied", lambda *_: [(text,) for text in texts])
    written = write_variants(suite, tmp_path / "made", VariantsSettings())
    if first is None:
        assert written == {"odd": 0}
        assert (tmp_path / "made" / "odd.csv").read_bytes() == b""
        assert f"odd: {len(texts)} made rows are left out" in capsys.readouterr().err
        return
    assert written == {"odd": len(texts)}
    read = load_unlabelled(suite.tasks["odd"], tmp_path, 42)
    assert read is not None
    others = texts[:first] + texts[first + 1 :]
    assert [*read.fields["text"].to_pylist()] == [texts[first], *others]
