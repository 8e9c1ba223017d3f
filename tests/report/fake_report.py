"""Made-up but plausible reports, for the tests and to look at: `python tests/report/fake_report.py
OUT.html`."""

import sys
from pathlib import Path

import numpy as np

from pet_mtl.cloze.form import PartKind
from pet_mtl.metrics.classification import TaskScore, score_predictions
from pet_mtl.metrics.score import mean_main
from pet_mtl.report.data import (
    CurvePoint,
    ModelView,
    ReportData,
    TaskCurves,
    TaskReport,
    Token,
    worst_confusions,
)

NEWS = {
    "100": "故事",
    "101": "文化",
    "102": "娱乐",
    "103": "体育",
    "104": "财经",
    "106": "房产",
    "107": "汽车",
    "108": "教育",
    "109": "科技",
    "110": "军事",
    "112": "旅游",
    "113": "国际",
    "114": "股票",
    "115": "农业",
    "116": "电竞",
}
EMOTIONS = {
    "sadness": "伤心",
    "happiness": "高兴",
    "disgust": "厌恶",
    "anger": "愤怒",
    "like": "喜欢",
    "surprise": "惊讶",
    "fear": "害怕",
}
INFERENCE = {"0": "所以", "1": "可能", "2": "但是"}
MANY = {
    f"intent_{k:02d}": word
    for k, word in enumerate(
        ["查天气", "订酒店", "退货", "问路", "点餐", "投诉", "充值", "挂号", "缴费", "翻译"] * 6
    )
}
TEXTS = [
    "上课时学生手机响个不停，老师一怒之下把手机摔了，家长拿发票让老师赔，大家怎么看待这种事？",
    "新能源车补贴退坡之后，二线品牌还能撑多久",
    "你怎么连这个都不知道，真是让人无语到了极点……",
    "甲方要求工期提前两周完成 [SEP] 工期可以按原计划进行",
    "A股午后跳水 & 北向资金净流出 <30 亿",
]


def fake_score(
    labels: dict[str, str], *, rows: int, accuracy: float, seed: int
) -> tuple[TaskScore, np.ndarray]:
    """Return a score and the [N, 2] gold and predicted indices; labels get rarer towards the
    last."""
    rng = np.random.default_rng(seed)
    size = len(labels)
    shares = np.linspace(1.0, 0.08, size)
    gold = rng.choice(size, rows, p=shares / shares.sum())
    near = (gold + rng.choice([1, 1, 1, 2, size - 1], rows)) % size
    wrong = np.where(rng.random(rows) < 0.6, near, rng.integers(0, size, rows))
    predicted = np.where(rng.random(rows) < accuracy, gold, wrong)
    return score_predictions(gold, predicted, list(labels)), np.stack([gold, predicted], axis=1)


def fake_curves(
    *, start: float, end: float, final: float, seed: int, steps: int = 600
) -> TaskCurves:
    rng = np.random.default_rng(seed)
    at = np.arange(10, steps + 1, 10)
    loss = end + (start - end) * np.exp(-at / (steps / 4)) + rng.normal(0, 0.05 * start, len(at))
    evaluations = np.linspace(steps / 6, steps, 6).astype(int)
    dev = final * (1 - np.exp(-evaluations / (steps / 3.5))) + rng.normal(0, 0.01, len(evaluations))
    return TaskCurves(
        [CurvePoint(int(s), float(v)) for s, v in zip(at, loss, strict=True)],
        [CurvePoint(int(s), float(v)) for s, v in zip(evaluations, dev, strict=True)],
    )


def fake_view(
    prefix: str, before: str, after: str, labels: dict[str, str], *, text: str, slots: int
) -> ModelView:
    rng = np.random.default_rng(len(text))
    parts: list[tuple[str, PartKind]] = [("[CLS]", "special")]
    parts += [(character, "prefix") for character in prefix]
    parts += [(character, "pattern") for character in before]
    parts += [("[MASK]", "slot")] * slots
    parts += [(character, "pattern") for character in after]
    parts += [(character, "field") for character in text]
    parts += [("[SEP]", "special")]
    candidates = [
        list(dict.fromkeys(word[min(k, len(word) - 1)] for word in labels.values()))
        for k in range(slots)
    ]
    tops = []
    for words in candidates:
        shares = np.sort(rng.dirichlet(np.full(len(words) + 2, 0.4)))[::-1]
        tops.append([(word, float(share)) for word, share in zip(words[:6], shares, strict=False)])
    names = [f"{label} {word}" for label, word in labels.items()]
    scores = np.sort(rng.dirichlet(np.full(len(names), 0.3)))[::-1]
    order = rng.permutation(len(names))
    label_scores = [(names[k], float(score)) for k, score in zip(order, scores, strict=True)]
    return ModelView(
        [Token(*part) for part in parts],
        tops,
        names[order[1]],
        label_scores,
        "a dev row, chosen at random",
    )


def fake_task(
    name: str, description: str, labels: dict[str, str], *, accuracy: float, seed: int = 0
) -> TaskReport:
    score, pairs = fake_score(labels, rows=1500, accuracy=accuracy, seed=seed)
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(len(labels)), len(pairs))
    confusions = worst_confusions(
        *pairs.T,
        probabilities,
        lambda row: TEXTS[row % len(TEXTS)],
        list(labels),
        200,
        where=lambda row: f"dev.tsv:{row + 1}",
    )
    view = fake_view(
        "新闻分类：", "这是一条", "新闻：", labels, text=TEXTS[seed % len(TEXTS)], slots=2
    )
    curves = fake_curves(start=np.log(len(labels)), end=0.6, final=score.macro_f1, seed=seed)
    return TaskReport(
        name, description, list(labels), list(labels.values()), score, curves, confusions, view
    )


def fake_report(tasks: list[TaskReport] | None = None) -> ReportData:
    if tasks is None:
        tasks = [
            fake_task("tnews", "今日头条新闻标题分类", NEWS, accuracy=0.55, seed=0),
            fake_task("ocemotion", "细粒度情感分类", EMOTIONS, accuracy=0.58, seed=2),
            fake_task("ocnli", "自然语言推理", INFERENCE, accuracy=0.62, seed=3),
        ]
    return ReportData(
        title="default",
        model="zh-mini",
        created="2026-11-22 14:05",
        settings={
            "train": {
                "epochs": 3,
                "learning_rate": 3e-5,
                "batch_tokens": 3072,
                "early_stop": None,
                "precision": "bf16",
            },
            "sampling": {"temperature": 0.75},
            "tasks": {
                task.name: {"patterns": ["这是一条{mask}新闻：{title}"], "aggregation": "mean"}
                for task in tasks
            },
            "seed": 7,
        },
        tasks=tasks,
        mean=mean_main(task.score for task in tasks),
        facts=[
            ("training", "43 s, 612 rows/s"),
            ("rows", "48,221 train · 4,500 dev"),
            ("parameters", "11.2 M"),
            ("device", "cpu, bf16 autocast"),
        ],
    )


if __name__ == "__main__":
    from pet_mtl.report.page import write_report

    write_report(Path(sys.argv[1]), fake_report())
