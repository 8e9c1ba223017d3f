"""Small tasks and files for the tests of the readers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pet_mtl.suite.task import DataSpec, TaskSpec
from pet_mtl.suite.verbalizer import Verbalizer

MakeTask = Callable[..., TaskSpec]
Write = Callable[[str, str | bytes], Path]


@pytest.fixture(scope="session")
def make_task() -> MakeTask:
    def make(
        columns: dict[str, int | str] | None = None,
        labels: tuple[str, ...] = ("0", "1"),
        **data: object,
    ) -> TaskSpec:
        columns = columns or {"title": 0, "label": 1}
        words = tuple((f"w{number}",) for number in range(len(labels)))
        fields = [name for name in columns if name not in ("label", "id")]
        return TaskSpec(
            name="toy",
            patterns=("{mask}" + "".join(f"{{{name}}}" for name in fields),),
            verbalizer=Verbalizer(labels=labels, words=words, source="verbalizers/toy.txt"),
            columns=columns,
            data=DataSpec.model_validate({"train": "train.tsv", **data}),
        )

    return make


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    return write_file
