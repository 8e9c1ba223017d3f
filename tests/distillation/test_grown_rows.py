"""Which rows each generation of teachers is trained on, and whose labels they have."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.distillation import run as module
from pet_mtl.distillation.generations import confident_rows, grown_by
from pet_mtl.distillation.plan import Request
from pet_mtl.distillation.run import distil
from pet_mtl.storage.trained_on import read_trained_on
from pet_mtl.suite.suite import load_suite


@pytest.mark.parametrize(
    ("parts", "names"),
    [({"seeds": 2}, ("seed42", "seed43")), ({"folds": 2}, ("seed42-fold1", "seed42-fold2"))],
)
def test_what_the_other_teacher_is_surest_of(
    suite_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    parts: dict[str, int],
    names: tuple[str, str],
) -> None:
    texts = [f"{mark}{a}{b}天地天地" for mark in "甲乙丙" for a in "山水火" for b in "土木金日月"]
    file = tmp_path / "more.tsv"
    file.write_text("".join(f"{text}\tr\n" for text in texts), encoding="utf-8")
    more = ["train.max_steps=3", f"tasks.colour.data.unlabelled={file}"]
    suite = load_suite(suite_file, overrides=more, only=["colour"])
    trained, real = dict[Path, Rows](), module.do_run

    def noted(folder: Path, suite: Any, data: Any, **given: Any) -> Any:
        trained[folder] = data["colour"].train
        return real(folder, suite, data, **given)

    monkeypatch.setattr(module, "do_run", noted)
    out = tmp_path / "out"
    distil(Request(suite, suite, generations=1, growth=1.5, alone=False, **parts), out)  # type: ignore[arg-type]
    data = load_suite_data(suite)["colour"]
    first, unlabelled = len(data.train), data.unlabelled
    assert unlabelled is not None
    for own, other in (names, names[::-1]):
        before = len(trained[out / "teachers" / f"colour-{own}"])
        rows = trained[out / "generation-1" / f"colour-{own}"]
        found = load_file(out / "answers" / f"teachers-colour-{other}.safetensors")
        said = found["rows:colour"][first:]
        chosen, labels = confident_rows(said, data.train.labels, grown_by(first, 1.5, 1))
        assert len(rows) == before + len(chosen) > before
        added = rows.take(np.arange(before, len(rows)))
        assert added.labels.tolist() == labels.tolist()
        wanted = unlabelled.take(chosen).fields["text"].to_pylist()
        assert added.fields["text"].to_pylist() == wanted
        seen = read_trained_on(out / "generation-1" / f"colour-{own}" / "checkpoint")
        assert seen is not None
        assert np.isin(row_keys(added), seen["colour"]).all()
        # rows that others labelled for a teacher are its own to label, too: it saw no gold label
        later = load_file(out / "answers" / f"generation-1-colour-{own}.safetensors")
        assert not np.isnan(later["rows:colour"][first:]).any()
