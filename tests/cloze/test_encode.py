import numpy as np
import pytest
import toys
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle import cut_fields, oracle_prompt

import pet_mtl.cloze.columns as columns_module
import pet_mtl.cloze.encode as encode_module
from pet_mtl.cloze.encode import Prompts, encode_suite
from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.shorten import ragged_arange, shorten
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.data.rows import Rows
from pet_mtl.errors import PetMtlError

NEWS = toys.make_task(
    ["这是一条{mask}新闻：{title}", "{title}。{mask}？{body}", "[MASK] {body} 不{title}{mask}"],
    {"t": ["体育", "好"], "c": ["文化", "科技新闻"]},
    name="news",
    prefix="分类：",
)
PLAIN = toys.make_task("{mask}{a}", {"1": ["好"], "0": ["坏"]}, name="plain")
# no task has such a pattern, but forms do not mind
BARE = PLAIN.model_copy(update={"name": "bare", "patterns": ("是{mask}",)})


def prompt(prompts: Prompts, i: int, masks: int, mask_id: int) -> tuple[list[int], list[int]]:
    """Return the ids of prompt `i` with its masks, and its slots, as the store promises them."""
    ids = prompts.ids[prompts.starts[i] : prompts.starts[i + 1]].tolist()
    at = int(prompts.slot_at[i])
    return [*ids[:at], *[mask_id] * masks, *ids[at:]], list(range(at, at + masks))


@pytest.mark.parametrize("max_length", [30, 64])
@pytest.mark.parametrize("chunk", [2, 8192])
def test_prompts_are_what_string_building_gives(
    word_pieces: PieceTokenizer, max_length: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_module, "CHUNK", chunk)
    monkeypatch.setattr(columns_module, "CHUNK", chunk)
    rows = {
        "plain": Rows.of(
            {"a": ["abc", "", "[MASK]好", "中" * 200, "x y", "[SEP]"]}, labels=[1, 0, 1, 0, -1, 1]
        ),
        "news": Rows.of(
            {"title": ["新" * 50, "", "天气 good", "a"], "body": ["闻" * 7, "b", "", "国" * 90]},
            labels=[0, 1, 1, 0],
        ),
    }
    tasks = {"news": NEWS, "plain": PLAIN}
    prompts = encode_suite(tasks, rows, word_pieces, max_length)
    expected = [("news", p, row) for p in range(3) for row in range(4)] + [
        ("plain", 0, row) for row in range(6)
    ]
    assert [(prompts.forms[f].task, prompts.forms[f].pattern) for f in prompts.form] == [
        e[:2] for e in expected
    ]
    assert prompts.row.tolist() == [row for *_, row in expected]
    assert prompts.label.tolist() == [rows[task].labels[row] for task, _, row in expected]
    assert len(prompts) == len(expected)
    for i, (task, pattern, row) in enumerate(expected):
        lengths = prompts.forms[prompts.form[i]].masks
        assert lengths == ((1, 2, 4) if task == "news" else (1,))
        for masks in lengths:
            wanted = oracle_prompt(
                tasks[task], pattern, rows[task].text(row), masks, word_pieces, max_length
            )
            assert prompt(prompts, i, masks, word_pieces.mask_id) == wanted
        assert prompts.lengths[i] == len(wanted[0]) <= max_length
        assert prompts.variants[i] == len(lengths)


def anything() -> st.SearchStrategy[str]:
    special = st.sampled_from(
        [
            *toys.BERT_SPECIALS,
            *toys.ROBERTA_SPECIALS,
            " ",
            "中国",
            "👍🏽",
            "\0",
            "\x1b",
            "▁",
            "{mask}",
        ]
    )
    return st.lists(special | st.text(max_size=20), max_size=12).map("".join)


@given(
    rows=st.lists(st.tuples(anything(), anything()), min_size=1, max_size=4),
    max_length=st.integers(26, 60),
)
@settings(max_examples=40)
def test_slots_and_constants_survive_any_text(rows: list[tuple[str, str]], max_length: int) -> None:
    tokenizer = toys.piece_tokenizer("wordpiece")
    columns = {"title": [title for title, _ in rows], "body": [body for _, body in rows]}
    of_task = {"news": Rows.of(columns)}
    prompts = encode_suite({"news": NEWS}, of_task, tokenizer, max_length)
    for i in range(len(prompts)):
        pattern = prompts.forms[prompts.form[i]].pattern
        wanted = oracle_prompt(
            NEWS, pattern, of_task["news"].text(prompts.row[i]), 2, tokenizer, max_length
        )
        assert prompt(prompts, i, 2, tokenizer.mask_id) == wanted
        assert wanted[0].count(tokenizer.mask_id) == 2
        assert [
            wanted[0].count(special) for special in (*tokenizer.start_ids, *tokenizer.end_ids)
        ] == [1, 1]
        assert tokenizer.pad_id not in wanted[0]
        assert prompts.lengths[i] <= max_length


@pytest.mark.parametrize("kind", ["byte_level", "metaspace", "python"])
@given(texts=st.lists(anything(), min_size=1, max_size=3), max_length=st.integers(24, 50))
@example(texts=[" <mask> ", "<mask>", "x<mask> <s>", "[MASK]"], max_length=24)
@settings(max_examples=30)
def test_slots_survive_any_text_with_other_tokenizers(
    kind: str, texts: list[str], max_length: int
) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    task = toys.make_task("is {a} {mask} a {a}", {"x": ["good"], "y": ["bad"]})
    prompts = encode_suite({"toy": task}, {"toy": Rows.of({"a": texts})}, tokenizer, max_length)
    special = sorted(set(tokenizer.tokenizer.all_special_ids) - {tokenizer.unk_id})
    (form,) = prompts.forms
    most = form.masks[-1]
    empty = encode_suite({"toy": task}, {"toy": Rows.of({"a": [""]})}, tokenizer, max_length)
    (tail,) = {len(empty.ids) - int(empty.slot_at[0])}
    for i in range(len(prompts)):
        ids = prompts.ids[prompts.starts[i] : prompts.starts[i + 1]]
        assert prompts.lengths[i] == len(ids) + most <= max_length
        assert sorted(ids[np.isin(ids, special)].tolist()) == sorted(
            [*tokenizer.start_ids, *tokenizer.end_ids]
        )
        assert ids[: len(tokenizer.start_ids)].tolist() == tokenizer.start_ids
        assert 0 < prompts.slot_at[i] <= len(ids) - min(tail, 2)


@pytest.mark.parametrize("kind", list(toys.MAKERS))
def test_a_text_of_a_hundred_thousand_characters(kind: str) -> None:
    tokenizer = toys.piece_tokenizer(kind)
    task = toys.make_task("{a}{mask}{b}", {"x": ["good"], "y": ["news"]}, slots="shared")
    rows = Rows.of(
        {"a": ["good " * 20_000, "a[MASK]" * 15_000, "a"], "b": ["a", "a", "a <mask>" * 12_500]}
    )
    prompts = encode_suite({"toy": task}, {"toy": rows}, tokenizer, 40)
    assert prompts.lengths.tolist() == [40] * 3
    (a,) = {len(tokenizer.encode(["a"])[0])}
    (most,) = prompts.forms[0].masks
    assert prompts.slot_at[:2].tolist() == [40 - most - a - 1] * 2  # the short field is whole
    assert prompts.slot_at[2] == 1 + len(
        tokenizer.encode(["a"], space_before=tokenizer.marks_start)[0]
    )


SPACED = [
    ("", "{a} It is {mask} news ."),
    ("", "It is {mask}: {a}"),
    ("", "{mask} {a}"),
    ("", " {mask} {a}"),
    ("", "{a}  {mask}"),
    ("", "{a}  is  {mask}"),
    ("Topic:", "  {mask}{a}"),
    ("Topic: ", " {mask}{a}"),
    ("Topic: ", " is {mask}{a}"),
    ("Topic:  ", "{a}{mask}"),
    (" ", "{a} {mask}"),
    ("", "{a} {mask} {b}"),
    ("", "{a}, {b}? {mask}."),
    ("Topic: ", "{a} is {mask}"),
    ("Topic: ", "is {mask} {a}"),
    ("Topic: ", "{mask} is {a}"),
    ("Topic:", " {mask} is {a}"),
    ("Topic:", "({a}) is a{mask}"),
]


@pytest.mark.parametrize(("prefix", "pattern"), SPACED)
def test_byte_level_prompts_equal_the_whole_string(
    byte_level: PieceTokenizer, prefix: str, pattern: str
) -> None:
    task = toys.make_task(pattern, {"x": ["good"], "y": ["bad"]}, prefix=prefix)
    texts = {"a": "good story about sport", "b": "bad"}
    rows = Rows.of({name: [texts[name]] for name in task.fields})
    prompts = encode_suite({"toy": task}, {"toy": rows}, byte_level, 64)
    ids, (slot,) = prompt(prompts, 0, 1, byte_level.mask_id)
    filled = (prefix + pattern).replace("{mask}", "good")
    for name, text in texts.items():
        filled = filled.replace(f"{{{name}}}", text)
    word = compile_forms(task, byte_level, 64).words[0].pieces[0]
    assert [*ids[:slot], *word, *ids[slot + 1 :]] == byte_level.tokenizer(filled)["input_ids"]


@pytest.mark.parametrize(
    ("prefix", "pattern", "pieces"),
    [
        ("", "{a} is {mask}.", ["▁", "体育", "▁is", "@", "."]),
        ("", "是{mask}{a}", ["▁", "是", "@", "体育"]),
        ("", "是 {mask} {a}", ["▁", "是", "@", "▁", "体育"]),
        ("类:", "{mask}{a}", ["▁", "类", ":", "@", "体育"]),
        ("类: ", "{a}{mask}", ["▁", "类", ":", "▁", "体育", "@"]),
        ("类: ", "是{a}{mask}", ["▁", "类", ":", "▁", "是", "体育", "@"]),
    ],
)
def test_metaspace_prompts(
    metaspace: PieceTokenizer, prefix: str, pattern: str, pieces: list[str]
) -> None:
    task = toys.make_task(pattern, {"x": ["good"], "y": ["体育"]}, prefix=prefix)
    prompts = encode_suite({"toy": task}, {"toy": Rows.of({"a": ["体育"]})}, metaspace, 64)
    ids, _ = prompt(prompts, 0, 1, metaspace.mask_id)
    shown = metaspace.tokenizer.convert_ids_to_tokens(ids)
    assert shown == ["<s>", *(piece.replace("@", "<mask>") for piece in pieces), "</s>"]


@given(
    lengths=st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=1, max_size=4),
    room=st.integers(0, 60),
)
def test_the_longest_field_is_cut_first(lengths: list[list[int]], room: int) -> None:
    kept = shorten([np.array(of_field) for of_field in lengths], room)
    for column in range(3):
        before = [of_field[column] for of_field in lengths]
        got = [int(of_field[column]) for of_field in kept]
        assert got == cut_fields(before, room)


def test_ragged_arange() -> None:
    assert ragged_arange(np.array([], dtype=np.int64)).tolist() == []
    assert ragged_arange(np.array([0, 0])).tolist() == []
    assert ragged_arange(np.array([0, 2, 0, 1])).tolist() == [0, 1, 0]


def test_shared_slots_make_one_prompt_of_the_longest_word(word_pieces: PieceTokenizer) -> None:
    words = {"x": ["体育新闻"], "y": ["好"]}
    rows = {"toy": Rows.of({"a": ["中" * 60, "b"]})}
    exact = encode_suite({"toy": toys.make_task("{a}{mask}", words)}, rows, word_pieces, 20)
    shared = encode_suite(
        {"toy": toys.make_task("{a}{mask}", words, slots="shared")}, rows, word_pieces, 20
    )
    assert exact.ids.tolist() == shared.ids.tolist()
    assert (exact.variants.tolist(), shared.variants.tolist()) == ([2, 2], [1, 1])
    assert exact.lengths.tolist() == shared.lengths.tolist() == [20, 7]


@pytest.mark.parametrize(
    ("extra", "dtype"), [(0, np.uint16), (65_300, np.uint16), (66_000, np.int32)]
)
def test_the_store_is_as_narrow_as_the_vocabulary_allows(extra: int, dtype: type) -> None:
    tokenizer = PieceTokenizer(toys.word_piece_tokenizer(extra))
    prompts = encode_suite(
        {"plain": PLAIN}, {"plain": Rows.of({"a": ["good中ing"]})}, tokenizer, 16
    )
    assert prompts.ids.dtype == dtype
    shown = tokenizer.tokenizer.convert_ids_to_tokens(prompts.ids.tolist())
    assert shown == ["[CLS]", "good", "中", "[UNK]", "[SEP]"] or shown[:3] == [
        "[CLS]",
        "good",
        "中",
    ]
    assert prompts.ids.max() >= extra


def test_tasks_without_rows_keep_their_forms(word_pieces: PieceTokenizer) -> None:
    tasks = {"news": NEWS, "plain": PLAIN, "bare": BARE}
    prompts = encode_suite(
        tasks,
        {"plain": Rows.of({"a": ["x"]}), "news": Rows.of({"title": [], "body": []})},
        word_pieces,
        40,
    )
    assert [(form.task, form.pattern) for form in prompts.forms] == [
        ("news", 0),
        ("news", 1),
        ("news", 2),
        ("plain", 0),
        ("bare", 0),
    ]
    assert prompts.form.tolist() == [3]
    with pytest.raises(PetMtlError, match="no rows"):
        encode_suite(tasks, {}, word_pieces, 40)
    with pytest.raises(PetMtlError, match="no rows"):
        encode_suite(tasks, {"plain": Rows.of({"a": []})}, word_pieces, 40)


def test_a_pattern_without_fields(word_pieces: PieceTokenizer) -> None:
    prompts = encode_suite(
        {"bare": BARE}, {"bare": Rows.of({"unused": ["x", "y"]})}, word_pieces, 4
    )
    assert prompts.lengths.tolist() == [4, 4]
    with pytest.raises(PetMtlError, match="take 4 of 3 tokens"):
        compile_forms(BARE, word_pieces, 3)


@pytest.mark.parametrize(("max_length", "fits"), [(16, False), (17, False), (18, True)])
def test_each_field_needs_room_for_a_token(
    word_pieces: PieceTokenizer, max_length: int, fits: bool
) -> None:
    # [CLS] 分类： [4 slots] 是一条新闻：… [SEP] and two fields
    task = toys.make_task(
        "{a}是一条的{b}：{mask}", {"x": ["体育新闻"], "y": ["好"]}, prefix="分类：天"
    )
    constants = 2 + 4 + 5
    assert compile_forms(task, word_pieces, 64).forms[0].constant_length == constants
    if fits:
        (form,) = compile_forms(task, word_pieces, max_length).forms
        rows = Rows.of({"a": ["中" * 50], "b": ["国" * 50]})
        prompts = encode_suite({"toy": task}, {"toy": rows}, word_pieces, max_length)
        assert prompts.lengths.tolist() == [max_length]
        assert form.constant_length + 4 + 3 == max_length
    else:
        if max_length == 17:
            compile_forms(task, word_pieces, max_length)
            return
        with pytest.raises(
            PetMtlError, match="task `toy`: pattern 1 and its slots take 15 of 16 tokens"
        ) as caught:
            compile_forms(task, word_pieces, max_length)
        assert "max_length" in str(caught.value.problems[0].hint)


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("split_words", [False, True])
@pytest.mark.parametrize("word", ["好", "的", "体育", "good"])
@pytest.mark.parametrize(
    "pattern", ["{mask}: {a}", "新{mask}闻{a}", "是 {mask}.{a}", "{a}{mask}。", "{a} {mask}好"]
)
@pytest.mark.parametrize("prefix", ["", "体育:", "新闻: "])
def test_pieces_are_those_of_the_whole_prompt(
    kind: str, split_words: bool, word: str, pattern: str, prefix: str
) -> None:
    """`▁好` beside `好`: a part that follows without a space must not be cut as if it began a
    word."""
    tokenizer = PieceTokenizer(toys.fused_tokenizer(kind, split_words=split_words))
    task = toys.make_task(pattern, {"x": [word], "y": ["新闻新"]}, prefix=prefix)
    for text in ("的", "好 good", "体育"):
        prompts = encode_suite({"toy": task}, {"toy": Rows.of({"a": [text]})}, tokenizer, 64)
        ids, (slot, *_) = prompt(prompts, 0, 1, tokenizer.mask_id)
        pieces = compile_forms(task, tokenizer, 64).words[0].pieces[0]
        whole = (prefix + pattern).replace("{mask}", word).replace("{a}", text)
        assert [*ids[:slot], *pieces, *ids[slot + 1 :]] == tokenizer.tokenizer(whole)[
            "input_ids"
        ], whole


def test_an_accent_at_the_start_of_a_part_is_kept() -> None:
    tokenizer = PieceTokenizer(toys.fused_tokenizer("unigram"))
    (ids,) = tokenizer.encode(["\u0301好"])
    assert tokenizer.tokenizer.convert_ids_to_tokens(ids) == ["<unk>", "好"]
