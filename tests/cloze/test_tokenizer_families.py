"""A text's pieces are those that the tokenizer gives it in its place in the whole prompt."""

from typing import Any

import pytest
import toys
from tokenizer_families import FAMILIES, byte_level, family, metaspace
from tokenizers import Regex, normalizers

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import encode_forms
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.cloze.unreadable import readability
from pet_mtl.data.rows import Rows
from pet_mtl.export.standalone import Classifier

LEFTS = ["", "好", "，", "：", ".", "好 ", ". ", "(", "no ", "It was "]
TEXTS = ["good", "Good news", "好", "体育 good", "(good)", "好的", ".", "：好", "é好", "２", "难好"]
TEXTS += ["bad", "'s", "!!", "very good 12", "ad 新"]
RIGHTS = ["", "。", " news", ")", "好"]
# these mark the inside of words and take Chinese characters for letters: by definition a part
# begins a piece of its own
INSIDE = {"bert-chinese-whole", "whitespace-wordpiece"}
PATTERNS = ["很{mask}。{text}", "{text} It was {mask}.", "{mask}：{text}", "({mask}) {text}，是的"]


def whole(tokenizer: PieceTokenizer, text: str) -> list[tuple[int, tuple[int, int]]]:
    """Return the pieces of a whole prompt, each with the characters that it stands for."""
    backend: Any = tokenizer._backend
    backend.encode_special_tokens = True
    encoding = backend.encode(text, add_special_tokens=False)
    return list(zip(encoding.ids, encoding.offsets, strict=True))


def within(pieces: list[tuple[int, tuple[int, int]]], start: int, end: int) -> list[int] | None:
    """Return the pieces from one character to another; None where a piece crosses either."""
    if any(first < edge < last for _, (first, last) in pieces for edge in (start, end)):
        return None
    return [i for i, (first, last) in pieces if last > start and first < end]


@pytest.mark.parametrize("name", FAMILIES)
def test_parts_are_read_in_their_place(name: str) -> None:
    tokenizer, compared = family(name), 0
    for left in LEFTS if name not in INSIDE else [x for x in LEFTS if x != "好"]:
        for text in TEXTS:
            for right in RIGHTS:
                pieces = whole(tokenizer, left + text + right)
                wanted = within(pieces, len(left.rstrip()), len(left + text))
                space = left.endswith(" ") or (not left and tokenizer.marks_start)
                if wanted is not None:
                    compared += 1
                    assert tokenizer.encode([text], space_before=space) == [wanted], (left, text)
    assert compared > 0.8 * len(TEXTS) * len(RIGHTS) * (len(LEFTS) - 1)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_whole_prompts(name: str, pattern: str) -> None:
    """Each label word's prompt is the one with the word in it, its pieces replaced by masks."""
    tokenizer = family(name)
    words = {"0": ["好"], "1": ["good"], "2": ["bad"]}
    task = toys.make_task(pattern, words, prefix="评论：")
    compiled = compile_forms(task, tokenizer, 64)
    (form,), (table,) = compiled.forms, compiled.words
    texts = ["good news", "体育 news.", "(好) !"]
    store = encode_forms([form], {"toy": Rows.of({"text": texts}, labels=[0, 1, 2])}, tokenizer, 64)
    for item, text in enumerate(texts):
        plan = BatchPlan(slice_of(item), round_up(int(store.lengths[item])), len(form.masks))
        batch = collate(store, plan, mask_id=tokenizer.mask_id, pad_id=tokenizer.pad_id)
        row_of = dict(zip(form.masks, batch.groups[0].prompts.values(), strict=True))
        for number, word in enumerate(("好", "good", "bad")):
            before, after = ("评论：" + pattern.replace("{text}", text)).split("{mask}")
            start, end = len(before.rstrip()), len(before + word)
            pieces = whole(tokenizer, before + word + after)
            own = within(pieces, start, end)
            if own is None or (name in INSIDE and before[-1].isalpha()):
                continue
            assert table.pieces[number] == tuple(own)
            if name in INSIDE and after[:1].isalpha():
                continue
            core = [
                *tokenizer.start_ids,
                *(within(pieces, 0, start) or []),
                *[tokenizer.mask_id] * len(own),
                *(within(pieces, end, len(before + word + after)) or []),
                *tokenizer.end_ids,
            ]
            row = int(row_of[len(own)])
            assert batch.input_ids[row][batch.attention_mask[row] == 1].tolist() == core


@pytest.mark.parametrize("blank", ["\n", "\t", "\n\n", "\u3000"])
@pytest.mark.parametrize("name", ["xlm-r-split", "deberta-v2-lines"])
def test_white_space_that_is_read_as_a_space(name: str, blank: str) -> None:
    """SentencePiece families take a line's end for a space: it belongs to what follows it."""
    if name == "xlm-r-split":
        tokenizer = family(name)
    else:  # as DeBERTa-v2 has it, which knows no other
        lines = normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " ")
        tokenizer = metaspace(
            normalizer=normalizers.Sequence([lines, normalizers.Strip(left=False)])
        )
        assert "\u3000" not in tokenizer.blanks
        blank = blank.replace("\u3000", "\r")
    for pattern in ("是{mask}%s{text}", "{text}%s{mask}，是", "好%sIt was %s{mask}%s({text})"):
        task = toys.make_task(pattern.replace("%s", blank), {"0": ["good"], "1": ["好"]})
        compiled = compile_forms(task, tokenizer, 64)
        (form,), (words,) = compiled.forms, compiled.words
        store = encode_forms([form], {"toy": Rows.of({"text": ["good 好"]})}, tokenizer, 64)
        for number, word in enumerate(("good", "好")):
            filled = task.patterns[0].replace("{mask}", word).replace("{text}", "good 好")
            ids, slot = store.ids.tolist(), int(store.slot_at[0])
            ids[slot:slot] = words.pieces[number]
            pieces = [i for i, _ in whole(tokenizer, filled)]
            assert ids == [*tokenizer.start_ids, *pieces, *tokenizer.end_ids], (pattern, word)


def slice_of(item: int) -> Any:
    import numpy as np

    return np.array([item])


@pytest.mark.parametrize("name", ["roberta-prefix", "longformer-strip", "roberta", "xlm-r"])
@pytest.mark.parametrize("space", [False, True])
def test_exported_folders_read_fields_alike(name: str, space: bool) -> None:
    tokenizer = family(name)
    model = Classifier.__new__(Classifier)
    model.tokenizer = tokenizer._backend
    model.how = {"special": tokenizer.special_ids, "harmless": 3, "max_length": 64}
    for text in [*TEXTS, ""]:
        tokenizer._backend.encode_special_tokens = True
        part = {"field": "text", **tokenizer.lead(space_before=space)}
        assert model.pieces(text, part) == tokenizer.encode([text], space_before=space)[0], text


def test_an_accent_at_the_start_does_not_join_the_sign_it_is_read_behind() -> None:
    hiding, plain = (byte_level(prefix=p, normalizer=normalizers.NFC()) for p in (True, False))
    texts = ["\u0301 good", "\u0308x", "\u0327"]
    assert hiding.encode(texts) == plain.encode(texts)


@pytest.mark.parametrize("name", ["bpe-marks-never", "xlm-r", "roberta-prefix", "bert-uncased"])
def test_characters_of_the_vocabulary_are_readable(name: str) -> None:
    tokenizer = family(name)
    texts = ["good news"] if tokenizer.byte_level else ["好新闻体育"]
    assert readability(tokenizer.encode(texts), tokenizer).share == 0
    if tokenizer.byte_level:
        assert readability(tokenizer.encode(["新闻"]), tokenizer).share > 0.5
