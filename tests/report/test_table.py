import io
from collections import Counter

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from pet_mtl.metrics.classification import LabelScore, TaskScore
from pet_mtl.metrics.similarity import score_similarity
from pet_mtl.report.table import per_label_table, print_table, score_table, titled_table


def score(macro_f1: float, accuracy: float = 0.5) -> TaskScore:
    labels = {"109": LabelScore(0.5, 0.25, 1 / 3, 1234), "[b]": LabelScore(0.0, 0.0, 0.0, 0)}
    return TaskScore(
        accuracy, macro_f1, (macro_f1 - 0.02, macro_f1 + 0.02), 1234, labels, [[1, 0], [0, 0]]
    )


def rendered(table: Table, width: int = 100) -> list[str]:
    console = Console(
        record=True, width=width, no_color=True, color_system=None, file=io.StringIO()
    )
    console.print(table)
    return [
        line.rstrip() for line in console.export_text(styles=False).splitlines() if line.strip()
    ]


def test_other_figures_of_a_kind_stand_below_its_task() -> None:
    number = score_similarity(np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.5, 2.5]))
    each = [("a", {"alike": number, "tnews": score(0.5)}), ("b", {"tnews": score(0.6)})]
    lines = [line.split() for line in rendered(score_table(each), 200)]
    assert ["Spearman", "1.0000", "–"] in lines
    assert ["MAE", "0.5000", "–"] in lines
    names = [line[0] for line in lines if line[0] in ("alike", "Spearman", "MAE", "tnews")]
    assert names == ["alike", "Spearman", "MAE", "tnews"]


def test_one_checkpoint() -> None:
    lines = rendered(
        score_table([("out/checkpoint", {"tnews": score(0.52, 0.55), "ocnli": score(0.58)})])
    )
    assert lines[0].split() == ["task", "macro-F1", "[95", "%]", "accuracy"]
    assert lines[2].split() == ["tnews", "0.5200", "[0.5000,", "0.5400]", "0.5500"]
    assert lines[-1].split() == ["mean", "macro-F1", "0.5500"]


def test_several_checkpoints_show_the_difference_to_the_first() -> None:
    first = {"tnews": score(0.52), "ocnli": score(0.58)}
    second = {"tnews": score(0.53), "ocnli": score(0.55)}
    text = "\n".join(rendered(score_table([("a", first), ("b", second), ("c", first)])))
    assert text.count("(+0.0100)") == 1
    assert text.count("(-0.0300)") == 1
    assert text.count("(-0.0100)") == 1  # of the means
    assert text.count("(+0.0000)") == 3
    assert text.count("[0.5000, 0.5400]") == 2


def test_three_checkpoints_fit_into_100_columns() -> None:
    scores = {"ocemotion": score(0.52)}
    lines = rendered(
        score_table([(name, scores) for name in ("a" * 40, "runs/b[1]/checkpoint", "c")])
    )
    assert max(map(len, lines)) <= 100
    assert "…" not in "".join(lines)
    assert sum(line.count("accuracy") for line in lines) == 3
    assert "ocemotion" in "".join(lines)


def test_missing_task_has_a_dash_and_no_difference_of_means() -> None:
    first, second = (
        {"tnews": score(0.5), "ocnli": score(0.6)},
        {"tnews": score(0.5), "other": score(0.7)},
    )
    lines = rendered(score_table([("a", first), ("b", second)]))
    by_task = {line.split()[0]: line.split() for line in lines}
    assert by_task["ocnli"][-2:] == ["–", "–"]
    assert by_task["other"] == ["other", "–", "–", "0.7000", "0.5000"]
    assert by_task["mean"] == ["mean", "macro-F1", "0.5500", "0.6000"]


@pytest.mark.parametrize("checkpoints", [[], [("a", {})]])
def test_nothing_to_show_is_still_a_table(
    checkpoints: list[tuple[str, dict[str, TaskScore]]],
) -> None:
    assert rendered(score_table(checkpoints))[-1].startswith("mean macro-F1")


def test_one_task_has_no_mean() -> None:
    lines = rendered(score_table([("a", {}), ("b", {"tnews": score(0.5)})]))
    assert [line.split()[0] for line in lines if line.split()[:1] in (["tnews"], ["mean"])] == [
        "tnews"
    ]


def test_square_brackets_are_text() -> None:
    assert any(
        "[b]x[/b]" in line for line in rendered(score_table([("p", {"[b]x[/b]": score(0.5)})]))
    )


def test_per_label_table() -> None:
    lines = rendered(per_label_table("tnews", score(0.52), ["科技", "粗体"]))
    assert lines[0] == "tnews: macro-F1 0.5200 [0.5000, 0.5400]"
    assert lines[1].split() == ["label", "word", "precision", "recall", "F1", "support"]
    assert lines[3].split() == ["109", "科技", "0.5000", "0.2500", "0.3333", "1,234"]
    assert lines[4].split() == ["[b]", "粗体", "0.0000", "0.0000", "0.0000", "0"]
    with pytest.raises(ValueError, match="shorter"):
        per_label_table("tnews", score(0.52), ["科技"])


@pytest.mark.parametrize("width", [10, 20, 40, 80])
def test_no_figure_is_cut_in_a_narrow_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "COLUMNS": f"{width}",
        "FORCE_COLOR": "1",
        "TERM": "xterm",
        "NO_COLOR": "1",
    }.items():
        monkeypatch.setenv(name, value)

    def costs() -> Table:
        table = titled_table("")
        for number in range(9):
            table.add_column(f"name{number}", overflow="fold")
        table.add_row(*(f"{number}24,507" for number in range(9)))
        return table

    def scores() -> Table:
        each = [{"ocemotion": score(0.5 + place / 100, place / 7)} for place in range(4)]
        return score_table([(f"runs/default-{place}", one) for place, one in enumerate(each)])

    for made in (costs, scores):
        print_table(made())
        shown = Counter("".join(capsys.readouterr().out.split()))
        assert shown >= Counter("".join("".join(rendered(made(), 1000)).split()).replace("─", ""))
