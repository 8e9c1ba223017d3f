"""`kind: multi_label` and `kind: similarity` beside linear models over character n-grams, on rows that
are written here.

    python benchmarks/kinds_pair.py --out FOLDER [--model zh-small] [--rows 64,256] [--seeds 3]

The rows are customers' remarks of one to three clauses, each about one of six aspects; the clauses
stand below. Of each aspect some clauses occur in training rows only and the others in scored rows
only, so words must be understood, not remembered.

- `aspects`: which aspects does a remark speak of? Micro- and macro-F1, beside one-vs-rest logistic
  regression on TF-IDF of 1 to 3 characters (scikit-learn), with the threshold 0.5 on both sides.
- `alike`: how much do two remarks speak of the same? 5 · |A ∩ B| / |A ∪ B|. Pearson and Spearman,
  beside ridge regression on the product and the difference of both texts' TF-IDF, and the plain
  cosine.

Nothing is chosen on the scored rows: the last step's weights are scored. Prints a Markdown table,
mean ± sample sd over seeds, and writes FOLDER/kinds_pair.json.
"""

import json
import random
import shutil
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from turns import run_script, script_parser

import pet_mtl
from pet_mtl import console
from pet_mtl.atomic import write_text

ASPECTS = {
    "price": (
        "价格",
        "比超市便宜不少|这个价有点高|活动期间买很划算|买完第二天就降了|性价比不错|优惠券叠加后很值|"
        "贵是贵了点|花这些钱觉得亏|同样的东西别家少二十块|打折的时候入手的",
    ),
    "delivery": (
        "物流",
        "第二天就到了|快递拖了一个星期|送货员态度很好|包裹在路上停了三天|下单当天就发货|"
        "一直显示待揽收|配送上门很方便|说好周五到结果周日才来|跨省也只用了两天|派件前没有打电话",
    ),
    "quality": (
        "质量",
        "用了两天就坏了|做工很扎实|线头有点多|材料摸着厚实|洗过一次就掉色|按键松松垮垮|"
        "用到现在没出过毛病|边缘处理得很细|屏幕有一道划痕|拉链卡得厉害",
    ),
    "service": (
        "客服",
        "问了半天没人回|售后很耐心地解答|退货处理得很干脆|客人提的要求都答应了|打电话一直占线|"
        "回复都是机器人|主动联系我补发|换货拖着不给办|问题当场就解决了|说话爱理不理",
    ),
    "package": (
        "包装",
        "盒子压扁了|外面裹了好几层泡沫|袋子是破的|礼盒很精致|送人拿得出手|胶带缠得太多不好拆|"
        "里面没有任何缓冲|箱子干净整齐|瓶口漏了一点|附了一张手写卡片",
    ),
    "size": (
        "尺寸",
        "穿着偏大一号|长度刚好|放不进柜子|比图上看着小|肩膀那里有点紧|尺码表很准|"
        "摆在桌上正合适|腰围要再收一点|拿着有些大|脚背高的人要买大一码",
    ),
}
NAMES = list(ASPECTS)
UNSEEN = 4  # clauses of each aspect that occur in scored rows only
SCORED = 400


def remark(draw: random.Random, aspects: list[str], part: str) -> str:
    clauses = []
    for aspect in aspects:
        known = ASPECTS[aspect][1].split("|")
        clauses.append(draw.choice(known[:-UNSEEN] if part == "train" else known[-UNSEEN:]))
    return "，".join(clauses) + "。"


def some_aspects(draw: random.Random) -> list[str]:
    return draw.sample(NAMES, draw.choice((1, 2, 2, 3)))


def sets(draw: random.Random, count: int, part: str) -> list[dict[str, Any]]:
    chosen = [some_aspects(draw) for _ in range(count)]
    return [{"text": remark(draw, one, part), "label": sorted(one)} for one in chosen]


def pairs(draw: random.Random, count: int, part: str) -> list[dict[str, Any]]:
    rows = []
    for _ in range(count):
        one = some_aspects(draw)
        shared = draw.sample(one, draw.randint(0, len(one)))
        others = [name for name in NAMES if name not in one]
        other = shared + draw.sample(others, draw.randint(0 if shared else 1, 2))
        draw.shuffle(other)
        label = 5 * len(shared) / len({*one, *other})
        rows.append(
            {
                "one": remark(draw, one, part),
                "two": remark(draw, other, part),
                "label": round(label, 2),
            }
        )
    return rows


def ngrams(train: list[str], scored: list[str]) -> tuple[csr_matrix, csr_matrix]:
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    return vectorizer.fit_transform(train), vectorizer.transform(scored)


def linear_sets(train: list[dict[str, Any]], scored: list[dict[str, Any]]) -> dict[str, float]:
    seen, new = ngrams([row["text"] for row in train], [row["text"] for row in scored])
    wanted = [[int(name in row["label"]) for name in NAMES] for row in train]
    model = OneVsRestClassifier(LogisticRegression(C=10, max_iter=1000)).fit(seen, wanted)
    gold = [[int(name in row["label"]) for name in NAMES] for row in scored]
    found = model.predict(new)
    return {
        f"{kind}_f1": float(f1_score(gold, found, average=kind, zero_division=0))
        for kind in ("micro", "macro")
    }


def correlations(gold: list[float], found: np.ndarray) -> dict[str, float]:
    return {
        "pearson": float(np.corrcoef(gold, found)[0, 1]),
        "spearman": float(spearmanr(gold, found).statistic),
    }


def linear_pairs(
    train: list[dict[str, Any]], scored: list[dict[str, Any]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return what ridge regression has, and the plain cosine."""
    texts = [row[name] for name in ("one", "two") for row in train]
    new = [row[name] for name in ("one", "two") for row in scored]
    seen, asked = ngrams(texts, new)

    def features(both: csr_matrix) -> tuple[csr_matrix, np.ndarray]:
        half = both.shape[0] // 2
        product = both[:half].multiply(both[half:])
        return hstack([product, abs(both[:half] - both[half:])]).tocsr(), product.sum(1).A1

    known, _ = features(seen)
    unknown, cosine = features(asked)
    model = Ridge(alpha=1.0).fit(known, [row["label"] for row in train])
    gold = [row["label"] for row in scored]
    return correlations(gold, model.predict(unknown)), correlations(gold, cosine)


def task_of(kind: str) -> dict[str, Any]:
    if kind == "aspects":
        return {
            "labels": {name: word for name, (word, _) in ASPECTS.items()},
            "patterns": "{text}说的是{mask}。",
            "more": {"kind": "multi_label", "no": ["别的"]},
        }
    return {
        "labels": {"low": "不同", "high": "相同"},
        "patterns": "{one}和{two}说的事情{mask}。",
        "more": {"kind": "similarity", "range": [0, 5]},
    }


def ours(
    kind: str, train: list[dict[str, Any]], scored: list[dict[str, Any]], chosen: Any, seed: int
) -> dict[str, float]:
    folder = chosen.out / "run"
    shutil.rmtree(folder, ignore_errors=True)
    files = {}
    for part, rows in (("train", train), ("dev", scored)):
        file = chosen.out / f"{kind}.{part}.jsonl"
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        write_text(file, "".join(lines))
        files[part] = str(file.resolve())
    task = pet_mtl.Task(kind, **task_of(kind), columns={key: key for key in train[0]}, **files)
    run = pet_mtl.train(
        tasks=[task],
        model=chosen.model,
        out=folder,
        seed=seed,
        epochs=float(chosen.steps),
        max_steps=chosen.steps,
        evaluate_every=10**6,
    )
    return {name: round(value, 4) for name, value in run.scores[kind].summary().items()}


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="zh-small")
    parser.add_argument("--rows", default="64,256", type=lambda t: [int(n) for n in t.split(",")])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    chosen = parser.parse_args()
    console.prepare_streams()
    console.show()
    chosen.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    for seed in range(1, chosen.seeds + 1):
        for count in chosen.rows:
            draw = random.Random(seed)
            train, scored = sets(draw, count, "train"), sets(draw, SCORED, "dev")
            cell = results.setdefault(f"aspects, {count} rows", {})
            cell.setdefault("n-grams", []).append(linear_sets(train, scored))
            cell.setdefault("pet_mtl", []).append(ours("aspects", train, scored, chosen, seed))
            train, scored = pairs(draw, count, "train"), pairs(draw, SCORED, "dev")
            cell = results.setdefault(f"alike, {count} rows", {})
            ridge, cosine = linear_pairs(train, scored)
            cell.setdefault("n-grams", []).append(ridge)
            cell.setdefault("cosine", []).append(cosine)
            cell.setdefault("pet_mtl", []).append(ours("alike", train, scored, chosen, seed))
            write_text(chosen.out / "kinds_pair.json", json.dumps(results, indent=1) + "\n")
    console.put("| task | | scores |")
    console.put("|---|---|---|")
    for task, sides in results.items():
        for side, runs in sides.items():
            shown = [
                f"{name} {mean(of):.3f} ± {stdev(of) if len(of) > 1 else 0:.3f}"
                for name in ("micro_f1", "macro_f1", "pearson", "spearman")
                if (of := [run[name] for run in runs if name in run])
            ]
            console.put(f"| {task} | {side} | {', '.join(shown)} |")


if __name__ == "__main__":
    run_script(main)
