"""Hub data sets, tried on local folders that `load_dataset` understands."""

from pathlib import Path

import pytest

from pet_mtl.data.hub import HubName, parse_hub_name
from pet_mtl.data.readers import read_rows
from pet_mtl.errors import PetMtlError

COLUMNS = {"title": "sentence", "label": "label", "id": "idx"}


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("hub:clue/clue:tnews/train", HubName("clue/clue", "tnews", "train")),
        ("hub:imdb:test[:10%]", HubName("imdb", None, "test[:10%]")),
        ("hub:a/b@v1.0:c/train+validation", HubName("a/b", "c", "train+validation", "v1.0")),
        ("hub:data/own:train", HubName("data/own", None, "train")),
    ],
)
def test_names(source: str, name: HubName) -> None:
    assert parse_hub_name(source) == name


@pytest.mark.parametrize("source", ["hub:", "hub:clue/clue", "hub::train", "hub:clue/clue:tnews/"])
def test_names_that_lack_a_part(make_task, source: str) -> None:
    with pytest.raises(PetMtlError, match="names no data set and split") as caught:
        read_rows(source, make_task(COLUMNS), base=Path())
    assert "hub:clue/clue:tnews/train" in str(caught.value)


def test_a_local_folder_of_json_lines(make_task, write, offline: Path) -> None:
    write(
        "own/train.jsonl",
        ('{"sentence": "a", "label": 1, "idx": 5}\n{"sentence": "b\\n", "label": 0, "idx": 6}\n'),
    )
    rows, _ = read_rows("hub:own:train", make_task(COLUMNS), base=offline)
    assert rows.fields["title"].to_pylist() == ["a", "b\n"]
    assert (rows.labels.tolist(), rows.ids.to_pylist()) == ([1, 0], ["5", "6"])
    assert rows.where(1) == "hub:own:train: row 2"


@pytest.mark.parametrize("source", ["hub:own:train", "own/train.parquet"])
def test_lists_of_label_numbers_become_their_names(make_task, offline: Path, source: str) -> None:
    import datasets

    features = datasets.Features(
        sentence=datasets.Value("string"),
        label=datasets.List(datasets.ClassLabel(names=["joy", "fear", "rage"])),
    )
    columns = {"sentence": ["a", "b", "c"], "label": [[0], [2, 1], []]}
    (offline / "own").mkdir()
    datasets.Dataset.from_dict(columns, features=features).to_parquet(
        offline / "own" / "train.parquet"
    )
    plain = make_task({"title": "sentence", "label": "label"}, ("rage", "joy", "fear"))
    task = plain.model_validate(
        {**plain.model_dump(), "kind": "multi_label", "no": ["w"], "metric": "macro_f1"}
    )
    targets = read_rows(source, task, base=offline)[0].targets
    assert targets is not None
    assert targets.tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_a_local_folder_of_parquet_with_label_names_and_a_slice(make_task, offline: Path) -> None:
    import datasets

    features = datasets.Features(
        sentence=datasets.Value("string"),
        label=datasets.ClassLabel(names=["108", "104"]),
        idx=datasets.Value("int32"),
    )
    columns = {"sentence": ["a", "b", "c"], "label": [1, 0, -1], "idx": [0, 1, 2]}
    (offline / "own").mkdir()
    datasets.Dataset.from_dict(columns, features=features).to_parquet(
        offline / "own" / "train.parquet"
    )
    task = make_task(COLUMNS, labels=("104", "108"))
    assert read_rows("hub:own:train[:2]", task, base=offline)[0].labels.tolist() == [0, 1]
    assert read_rows("hub:own:train", task, base=offline, labelled=False)[0].labels.tolist() == [
        0,
        1,
        -1,
    ]
    with pytest.raises(PetMtlError, match='own:train: row 3: label "-1" is not in'):
        read_rows("hub:own:train", task, base=offline)


@pytest.mark.parametrize(
    "source", ["hub:own:validation", "hub:own:nothing/train", "hub:no-such-folder:train"]
)
def test_what_cannot_be_loaded(make_task, write, offline: Path, source: str) -> None:
    write("own/train.jsonl", '{"sentence": "a", "label": 1, "idx": 5}\n')
    with pytest.raises(PetMtlError, match="cannot load the data set") as caught:
        read_rows(source, make_task(COLUMNS), base=offline)
    assert caught.value.problems[0].where == source


def test_missing_columns(make_task, write, offline: Path) -> None:
    write("own/train.jsonl", '{"text": "a", "label": 1, "idx": 5}\n')
    with pytest.raises(PetMtlError, match="no column `sentence`"):
        read_rows("hub:own:train", make_task(COLUMNS), base=offline)


def test_a_hub_that_cannot_be_reached_is_asked_once(
    make_task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets
    import huggingface_hub

    asked = []

    def fail(url: str) -> None:
        asked.append(url)
        raise OSError("no route")

    monkeypatch.setattr("pet_mtl.hub_names._asked", fail)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it tries again"))
    with pytest.raises(PetMtlError, match="cannot load the data set"):
        read_rows("hub:owner/set:train", make_task(COLUMNS), base=tmp_path)
    assert len(asked) == 1
    assert asked[0].endswith("/datasets/owner/set/resolve/main/README.md")
    assert not huggingface_hub.constants.HF_HUB_OFFLINE
    assert not datasets.config.HF_HUB_OFFLINE
