"""A vocabulary with Chinese words: frequent words are one piece, rarer ones fall into characters.

Rows become a quarter shorter, and the embeddings hold word meanings that a small encoder would have
to compose ("Is Word Segmentation Necessary", Li et al. 2019, for the other side; WoBERT, Su 2020).
The tokenizer is a unigram model (Kudo 2018): of all cuts of a text into pieces the one with the
largest product of frequencies.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from pet_mtl.atomic import new_folder
from pet_mtl.cloze.chinese_words import WordCutter
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.corpus import Document
from pet_mtl.pretraining.recipe import VocabularySpec
from pet_mtl.storage.digests import write_digests

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_HAN_RUN = re.compile("[\u4e00-\u9fd5]+")
LATIN_WORD = re.compile("[a-z0-9]+")
_DOCUMENTS = 2_000  # cut at a time
_MOST_KEPT = 400_000  # rarer words and Latin strings decide nothing


def is_piece(character: str) -> bool:
    """Return whether a character can be a piece."""
    return character.isprintable() and not character.isspace() and character != "\ufffd"


def require_characters(found: Sequence[str], room: int) -> None:
    """Refuse a vocabulary without characters.

    Args:
        room: the places that were left for them.

    Raises:
        PetMtlError: there are none.
    """
    if not found and not room:
        raise PetMtlError(
            "`vocabulary.size` leaves no place for characters: words and Latin pieces take all",
            hint="set it higher, or `vocabulary.latin` and `vocabulary.words` lower",
        )
    if not found:
        raise PetMtlError(
            "no character of the corpus is frequent enough for the vocabulary",
            hint="set `vocabulary.min_frequency` lower, or give more text",
        )


def build_word_vocabulary(
    documents: Iterable[Document], spec: VocabularySpec
) -> list[tuple[str, float]]:
    """Return the pieces with their log frequencies, the special tokens first.

    Words have at most `words` places and Latin words `latin`; the most frequent characters have the
    others.

    Raises:
        PetMtlError: see `require_characters`.
    """
    characters: Counter[str] = Counter()
    words: Counter[str] = Counter()
    latin: Counter[str] = Counter()
    cutter, stream = WordCutter(), iter(documents)
    while part := list(islice(stream, _DOCUMENTS)):
        text = "\n".join("\n".join(document) for document in part).lower()
        characters.update(text)
        latin.update(LATIN_WORD.findall(text))
        words.update(_words(cutter, _HAN_RUN.findall(text)))
        words, latin = _bounded(words), _bounded(latin)

    def frequent(counter: Counter[str], most: int) -> list[str]:
        return [w for w, n in ranked(counter) if len(w) > 1 and n >= spec.min_frequency][:most]

    frequent_words, frequent_latin = frequent(words, spec.words), frequent(latin, spec.latin)
    room = max(0, spec.size - len(SPECIAL) - len(frequent_words) - len(frequent_latin))
    single = [c for c, n in ranked(characters) if n >= spec.min_frequency and is_piece(c)][:room]
    require_characters(single, room)
    # As a piece a character stands for itself alone: what is inside a word was counted there.
    counts = {
        c: words[c] or latin[c] or (0 if _HAN_RUN.match(c) else characters[c]) for c in single
    }
    counts |= {w: words[w] for w in frequent_words} | {w: latin[w] for w in frequent_latin}
    total = math.log(sum(counts.values()) or 1)
    return [
        *((token, 0.0) for token in SPECIAL),
        *((p, math.log(n or 0.5) - total) for p, n in counts.items()),
    ]


def _words(cutter: WordCutter, runs: Sequence[str]) -> Iterable[str]:
    joined = "".join(runs)
    starts = [*np.flatnonzero(cutter.begins(runs)).tolist(), len(joined)]
    return (joined[start:end] for start, end in pairwise(starts))


def _bounded(counter: Counter[str]) -> Counter[str]:
    if len(counter) <= 2 * _MOST_KEPT:
        return counter
    return Counter(dict(counter.most_common(_MOST_KEPT)))


def ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    """Return what was counted, the most frequent first, of equals in the order of their text."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def save_word_tokenizer(scores: Sequence[tuple[str, float]], folder: Path, positions: int) -> None:
    """Write a fast tokenizer's folder that transformers loads."""
    from tokenizers import Regex as TokenizerRegex
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    special = dict(zip(roles, SPECIAL, strict=True))
    start, end = special["cls_token"], special["sep_token"]
    unknown = SPECIAL.index(special["unk_token"])
    tokenizer = Tokenizer(models.Unigram(list(scores), unk_id=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.BertPreTokenizer(),
            pre_tokenizers.Split(TokenizerRegex(_HAN_RUN.pattern), "isolated"),
        ]
    )
    names = [piece for piece, _ in scores]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} $B:1 {end}:1",
        special_tokens=[(start, names.index(start)), (end, names.index(end))],
    )
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, model_max_length=positions, **special
    )
    with new_folder(folder) as temporary:
        fast.save_pretrained(temporary)
        write_digests(temporary)
