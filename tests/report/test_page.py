import base64
import hashlib
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from fake_report import EMOTIONS, INFERENCE, MANY, NEWS, fake_report, fake_task

from pet_mtl.errors import PetMtlError
from pet_mtl.metrics.classification import score_predictions
from pet_mtl.report.data import (
    Confusion,
    CurvePoint,
    Example,
    ModelView,
    ReportData,
    TaskCurves,
    TaskReport,
    Token,
)
from pet_mtl.report.overview import whisker
from pet_mtl.report.page import report_page, write_report


class WellFormed(HTMLParser):
    """Check that elements nest and close, and keep the text, the ids and the links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data + " "

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


def test_page_shows_everything(report: ReportData) -> None:
    page = WellFormed(report_page(report))
    for expected in (
        f"{report.mean[1]:.3f}",
        "mean macro-F1 over 3 tasks",
        "zh-mini",
        "2026-11-22 14:05",
        "43 s, 612 rows/s",
        "learning_rate",
        "3e-05",
        "tnews.patterns",
        "Training loss",
        "Dev macro-F1",
        "109 科技",
        "[MASK]",
        "slot 2",
        "gold",
        "dev.tsv:",
    ):
        assert expected in page.text, expected
    for task in report.tasks:
        low, high = task.score.macro_f1_ci95
        assert f"{task.score.macro_f1:.3f} {low:.3f} – {high:.3f}" in page.text
        assert all(f"{each.f1:.3f}" in page.text for each in task.score.per_label.values())


def test_a_moving_average_is_spoken_of_where_there_is_one(report: ReportData) -> None:
    said = "thick: moving average"
    assert said in report_page(report)
    task = report.tasks[0]
    few = replace(task, curves=TaskCurves(task.curves.train_loss[:5]))
    assert said not in report_page(replace(report, tasks=[few]))


def test_page_needs_nothing_from_elsewhere(report: ReportData) -> None:
    text = report_page(report)
    page = WellFormed(text)
    assert not page.seen & {"link", "img", "iframe", "object", "base", "form"}
    assert not page.values("src")
    assert not re.search(r"https?:|url\(|@import", text)
    policy = page.values("content")[0]
    assert "default-src 'none'" in policy
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)  # as a browser reads it
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    assert [f"'sha256-{one}'" for one in hashes] == re.findall(r"'sha256-[^']+'", policy)
    assert len(scripts) == 1
    assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", "")
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    anchors = [link.removeprefix("#") for link in page.values("href")]
    assert len(anchors) == 3
    assert set(anchors) <= set(page.values("id"))


def hostile_task(text: str) -> TaskReport:
    labels = [text, f"b{text}"]
    score = score_predictions(np.array([0, 1, 1]), np.array([0, 0, 1]), labels)
    view = ModelView([Token(text, "field")], [[(text, 0.5)]], text, [(text, 0.5)], note=text)
    curves = TaskCurves([CurvePoint(1, 1.0)], [CurvePoint(1, 0.5)])
    confusion = Confusion(labels[1], text, 1, [Example(text, labels[1], text, 0.5, where=text)])
    return TaskReport(
        text, text, labels, [text + "w", text + "v"], score, curves, [confusion], view
    )


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '"><img src=x onerror=y>', "</style></title>&amp;'", "{mask}"],
)
def test_text_is_escaped_wherever_it_stands(text: str) -> None:
    task = hostile_task(text)
    report = ReportData(
        text,
        text,
        text,
        {text: {text: [text]}, "k": text},
        [task, task],
        ("macro-F1", 0.5),
        [(text, text)],
    )
    page = WellFormed(report_page(report))
    assert page.tags.count("script") == 1  # our own
    assert "img" not in page.seen
    assert not page.values("onerror")
    assert page.text.count(text) > 20


@pytest.mark.parametrize("labels", [INFERENCE, EMOTIONS, NEWS, MANY], ids=len)
def test_any_number_of_labels(labels: dict[str, str]) -> None:
    text = report_page(fake_report([fake_task("task", "", labels, accuracy=0.5)]))
    WellFormed(text)
    assert text.count('<th scope="row">') == len(labels)
    assert ('class="stacked"' in text) == (len(labels) > 20)


def test_one_task_has_no_mean() -> None:
    tasks = [fake_task(name, "", INFERENCE, accuracy=0.6) for name in ("ocnli", "other")]
    one, two = (report_page(fake_report(tasks[:count])) for count in (1, 2))
    for sign in ('class="stroke mean"', "mean macro-F1 over 2 tasks", "highest mean"):
        assert sign not in one
        assert sign in two
    assert "at each evaluation, before calibration" in one


def test_what_a_correlation_has_below_0_is_not_drawn() -> None:
    drawn = whisker(-0.2, -0.5, 0.3)
    assert 'style="width:0.00%"' in drawn
    assert 'style="left:0.00%;width:30.00%"' in drawn
    assert "-0.2000, 95 % interval -0.5000 to 0.3000" in drawn


def test_more_tasks_than_colours_stay_apart() -> None:
    text = report_page(
        fake_report([fake_task(f"task {k}", "", INFERENCE, accuracy=0.5) for k in range(10)])
    )
    assert 'class="stroke c1 dashed"' in text


def test_what_is_missing_is_left_out(report: ReportData) -> None:
    tasks = [replace(task, curves=TaskCurves(), confusions=[], view=None) for task in report.tasks]
    page = WellFormed(report_page(replace(report, tasks=tasks, settings={}, facts=[])))
    for absent in ("Learning curves", "Worst confusions", "As the model sees it", "Settings"):
        assert absent not in page.text
    tasks = [replace(task, curves=TaskCurves(task.curves.train_loss, [])) for task in report.tasks]
    page = WellFormed(report_page(replace(report, tasks=tasks)))
    assert "Training loss" in page.text
    assert "Dev macro-F1" not in page.text


def test_weights_and_conflicts_are_drawn_where_they_were_recorded(report: ReportData) -> None:
    page = report_page(report)
    assert "Weights" not in page
    assert "Conflicts" not in page
    points = [CurvePoint(step, step / 40) for step in (10, 20, 30)]
    tasks = [replace(task, curves=replace(task.curves, weight=points)) for task in report.tasks]
    page = report_page(replace(report, tasks=tasks, conflicts=points))
    weights, conflicts = (
        page[page.index(f"<h3>{name}</h3>") :] for name in ("Weights", "Conflicts")
    )
    assert weights.index("<b>0.750</b>") < weights.index("</figure>")
    assert conflicts.index("all tasks ") < conflicts.index("</figure>")


def test_each_loss_term_has_a_chart(report: ReportData) -> None:
    assert "loss term" not in report_page(report)
    points = [CurvePoint(step, step / 40) for step in (10, 20, 30)]
    page = report_page(replace(report, terms={"r_drop": points, "mlm": points[:2]}))
    for name, last in (("r_drop", "0.750"), ("mlm", "0.500")):
        chart = page[page.index(f"<h3>{name}</h3>") :]
        assert chart.index(f"<b>{last}</b>") < chart.index("</figure>")


def test_report_without_tasks_is_still_a_page() -> None:
    WellFormed(report_page(ReportData("empty", "zh-mini", "", {}, [], ("macro-F1", 0.0))))


def test_gold_label_is_shown_however_low_it_ranks() -> None:
    task = fake_task("tnews", "", NEWS, accuracy=0.5)
    assert task.view is not None
    ordered = sorted(task.view.label_scores, key=lambda score: score[1])
    lowest = replace(task, view=replace(task.view, gold=ordered[0][0]))
    assert f"<span>{ordered[0][0]}<em>gold</em></span>" in report_page(fake_report([lowest]))


def test_write_replaces_the_file_and_leaves_nothing_else(
    tmp_path: Path, report: ReportData
) -> None:
    path = tmp_path / "new folder" / "report.html"
    write_report(path, replace(report, title="first"))
    write_report(path, replace(report, title="second \ud800 broken"))
    assert "second ? broken" in path.read_text(encoding="utf-8")
    assert os.listdir(path.parent) == ["report.html"]  # noqa: PTH208 (hidden files count)


def test_a_file_that_cannot_be_written_is_a_clear_error(tmp_path: Path, report: ReportData) -> None:
    path = tmp_path / "report.html"
    path.mkdir()
    with pytest.raises(PetMtlError, match="cannot write here") as error:
        write_report(path, report)
    assert error.value.problems[0].where == str(path)
    assert os.listdir(tmp_path) == ["report.html"]  # noqa: PTH208
    (tmp_path / "file").touch()
    with pytest.raises(PetMtlError, match="cannot write here"):
        write_report(tmp_path / "file" / "report.html", report)
