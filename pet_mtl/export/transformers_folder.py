"""A task as a plain fill-mask model of transformers.

Where each label word is one piece and a label's score is the mean of its words' logits, that mean
is itself a row of the decoder: a token of its own for each label. Every other token's bias is so
low that the softmax over the vocabulary is the softmax over the labels. The tokenizer writes
prefix, pattern and mask around the text by itself.
"""

import json
from itertools import product
from pathlib import Path
from typing import Any

import torch

from pet_mtl.cloze.form import Form
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.shorten import shorten
from pet_mtl.errors import RunError
from pet_mtl.export.possible import require_fold
from pet_mtl.model.mlm_head import split_head
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.storage.pretrained import quiet_transformers
from pet_mtl.suite.task import TaskSpec

LABEL_TOKEN = "label:{}"
NEVER = -1e4  # the bias of tokens that are no label: e^-10000 is 0 in every number format
# Texts on which the tokenizer that is written must give the pieces that ours gives.
_PROBES = (
    "央行宣布下调存款准备金率",
    "iPhone 17 发布，售价 5999 元起！",
    "  two spaces, naïve café",
    "a",
    "你好 世界\tＡＢＣ①",
    "长" * 600,
    "long words and more words " * 60,
)


def fill_transformers(folder: Path, loaded: LoadedModel, task: TaskSpec) -> None:
    """Write a folder for `pipeline("fill-mask")` and `AutoModelForMaskedLM`.

    Raises:
        PetMtlError: the task's label words do not fold into one token a label.
        RunError: the written tokenizer would not write prompts as we do.
    """
    require_fold(loaded, task)
    compiled = loaded.compiled.of_task(task.name)
    (form,), (words,) = compiled.forms, compiled.words
    tokens = [LABEL_TOKEN.format(label) for label in task.verbalizer.labels]
    tokenizer = _tokenizer(loaded, form, tokens)
    _compare(loaded, form, tokenizer)
    ids = tokenizer.convert_tokens_to_ids(tokens)
    bias = torch.zeros(len(tokens))
    if task.name in loaded.calibration:
        bias = torch.tensor(loaded.calibration[task.name].bias)
    _fold(loaded.mlm, words, ids, bias)
    with quiet_transformers():
        loaded.mlm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    labels = dict(zip(tokens, task.verbalizer.labels, strict=True))
    text = json.dumps({"task": task.name, "labels": labels}, ensure_ascii=False)
    (folder / "labels.json").write_text(text + "\n", encoding="utf-8")


@torch.no_grad()
def _fold(mlm: Any, words: LabelWords, ids: list[int], bias: torch.Tensor) -> None:
    """Give each label a token whose logit is its score, and no other token a chance."""
    of_label = [
        [words.pieces[word][0] for word in words.of_label(k)] for k in range(words.num_labels)
    ]
    head = split_head(mlm)
    assert head is not None
    weight, old = head.decoder()
    assert old is not None
    rows = torch.stack([weight[pieces].float().mean(0) for pieces in of_label])
    offsets = torch.stack([old[pieces].float().mean() for pieces in of_label])
    size = max(len(weight), max(ids) + 1)
    mlm.resize_token_embeddings(size, mean_resizing=False)
    head = split_head(mlm)
    assert head is not None
    weight, new = head.decoder()
    assert new is not None
    weight[ids] = rows.to(weight.dtype)
    new.fill_(NEVER)
    new[ids] = (offsets + bias).to(new.dtype)


def _tokenizer(loaded: LoadedModel, form: Form, tokens: list[str]) -> Any:
    """Return a tokenizer that writes the form around a text, or a pair of texts, by itself."""
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    original = loaded.tokenizer.tokenizer
    tree = json.loads(original.backend_tokenizer.to_str())
    space = any(part.space_before for part in form.parts if part.field is not None)
    _set_word_start(tree.get("pre_tokenizer"), space)
    if loaded.tokenizer.lead(space_before=space)["lead"] == " ":  # byte-level pieces hold the space
        before = [tree["normalizer"]] if tree.get("normalizer") else []
        prepend = {"type": "Prepend", "prepend": " "}
        tree["normalizer"] = {"type": "Sequence", "normalizers": [prepend, *before]}
    backend = Tokenizer.from_str(json.dumps(tree))
    backend.no_truncation()
    backend.no_padding()
    backend.add_special_tokens([AddedToken(token, normalized=False) for token in tokens])
    template: list[str] = []
    constants: list[dict[str, Any]] = []
    texts = iter(("$A", "$B"))
    for part in form.parts:
        if part.field is not None:
            template.append(next(texts))
            continue
        ids = [loaded.tokenizer.mask_id] if part.is_slot else list(part.ids)
        if ids:
            name = f"part{len(constants)}"
            shown = [backend.id_to_token(i) for i in ids]
            constants.append({"id": name, "ids": ids, "tokens": shown})
            template.append(name)
    # transformers takes a pair whose second text is empty for a single text
    backend.post_processor = TemplateProcessing(
        single=[part for part in template if part != "$B"],
        pair=template if "$B" in template else [*template, "$B"],
        special_tokens=constants,
    )
    names = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
    special = {name: getattr(original, name) for name in names}
    build: Any = PreTrainedTokenizerFast
    return build(
        tokenizer_object=backend,
        model_max_length=loaded.suite.train.max_length,
        split_special_tokens=True,  # `label:NAME` and `[MASK]` in a text stay text
        model_input_names=["input_ids", "attention_mask"],
        **{name: token for name, token in special.items() if token is not None},
    )


def _set_word_start(node: Any, space: bool) -> None:
    """Say in a tokenizer's tree whether a text starts behind a space."""
    if not isinstance(node, dict):
        return
    if node.get("type") == "Metaspace":
        node["prepend_scheme"] = "always" if space else "never"
    for child in node.get("pretokenizers", ()):
        _set_word_start(child, space)


def _compare(loaded: LoadedModel, form: Form, tokenizer: Any) -> None:
    """Check that the written tokenizer gives our prompts.

    Raises:
        RunError: it does not.
    """
    import numpy as np

    fields = [part for part in form.parts if part.field is not None]
    room = form.room(loaded.suite.train.max_length)
    # behind a token that was added a text begins anew
    added = loaded.tokenizer.tokenizer.backend_tokenizer.get_added_tokens_decoder().values()
    beside = "a".join(["", *(token.content for token in added if not token.special), ""])
    for text, second in product((*_PROBES, beside), ("另一段 other text", "")[: len(fields)]):
        texts = [text, second][: len(fields)]
        pieces = [
            loaded.tokenizer.encode([one], space_before=part.space_before)[0]
            for one, part in zip(texts, fields, strict=True)
        ]
        kept = shorten([np.array([len(ids)]) for ids in pieces], room)
        shortened = iter(ids[: int(keep[0])] for ids, keep in zip(pieces, kept, strict=True))
        wanted: list[int] = []
        for part in form.parts:
            if part.field is not None:
                wanted += next(shortened)
            else:
                wanted += [loaded.tokenizer.mask_id] if part.is_slot else part.ids
        if tokenizer(*texts, truncation=True)["input_ids"] != wanted:
            raise RunError(
                f"a plain tokenizer cannot write this task's prompts as training did, for instance "
                f"of {text[:30]!r}",
                hint="use `--format onnx`, whose `run.py` writes them",
            )
