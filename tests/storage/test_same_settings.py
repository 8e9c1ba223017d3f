"""Folders outlive the version that made them."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.folder_kinds import refuse_others
from pet_mtl.storage.same_settings import changed_keys, note_settings, same_settings
from pet_mtl.suite.method import HeadsMethod
from pet_mtl.suite.settings import TrainSettings


def changed(file: Path, **train: object) -> list[str]:
    now = TrainSettings(**train).model_dump(mode="json")

    def changes(then: dict[str, dict[str, dict[str, object]]]) -> list[str]:
        return [key for key, value in now.items() if then["suite"]["train"][key] != value]

    try:
        same_settings(file, "comparison", (), changes)
    except PetMtlError as error:
        return [key for key in now if f"`{key}`" in str(error)]
    return []


def test_a_setting_that_came_later_is_no_change_at_its_default(tmp_path: Path) -> None:
    file, stored = tmp_path / "settings.json", TrainSettings(epochs=2).model_dump(mode="json")
    del stored["compile"]
    note_settings(file, {"suite": {"train": stored}})
    assert "compile" not in json.loads(file.read_text())["suite"]["train"]
    assert changed(file, epochs=2) == []
    assert changed(file, epochs=3) == ["epochs"]
    assert changed(file, epochs=2, compile=True) == ["compile"]


def test_a_method_s_setting_that_came_later_is_none_either(tmp_path: Path) -> None:
    """Nor is a task that is called `train` taken for settings."""
    file, now = tmp_path / "settings.json", HeadsMethod(name="heads").model_dump(mode="json")
    stored = {key: value for key, value in now.items() if key != "orthogonality"}
    tasks = {"train": {"prefix": ""}, "method": {"prefix": ""}}
    note_settings(file, {"tasks": tasks, "method": stored})
    then = same_settings(file, "sweep", (), lambda then: changed_keys(then["method"], now))
    assert then == {"tasks": tasks, "method": now}


def test_the_order_of_tasks_is_a_setting() -> None:
    then = {"suite": {"tasks": {"a": {"prefix": "", "slots": 1}, "b": {"prefix": ""}}}}
    now = {"suite": {"tasks": {"b": {"prefix": ""}, "a": {"slots": 1, "prefix": ""}}}}
    assert changed_keys(then, now) == ["suite.tasks (their order)"]
    assert changed_keys(then, {"suite": {"tasks": {"a": {"slots": 1, "prefix": ""}}}}) == [
        "suite.tasks.b"
    ]
    assert changed_keys(then, json.loads(json.dumps(then))) == []


@pytest.mark.parametrize("own", ["compare.json", "distill.json", "sweep.json", ""])
@pytest.mark.parametrize(
    "other", ["compare.json", "distill.json", "sweep.json", "checkpoint", ".begun.json"]
)
def test_a_folder_of_another_kind_is_refused(own: str, other: str, tmp_path: Path) -> None:
    refuse_others(tmp_path, own)
    (tmp_path / other).mkdir() if other == "checkpoint" else (tmp_path / other).write_text("{}")
    same = own == other or (not own and other in ("checkpoint", ".begun.json"))
    with nullcontext() if same else pytest.raises(PetMtlError, match="the folder holds a "):
        refuse_others(tmp_path, own)


@pytest.mark.parametrize("text", ["[1", '{"suite": 3}', '{"suite": {"train": [1]}}', "null"])
def test_a_damaged_file_is_one_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    with pytest.raises(PetMtlError, match="damaged"):
        same_settings(file, "comparison", (), lambda then: then["suite"]["train"]["epochs"])


def test_a_missing_file_beside_what_was_made_is_told(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    (tmp_path / "trials").mkdir()
    assert same_settings(file, "sweep", ("trials/*/last",), lambda _: ()) is None
    (tmp_path / "trials" / "0" / "last").mkdir(parents=True)
    with pytest.raises(
        PetMtlError, match=r"settings\.json: the settings of this sweep are missing"
    ):
        same_settings(file, "sweep", ("trials/*/last",), lambda _: ())
