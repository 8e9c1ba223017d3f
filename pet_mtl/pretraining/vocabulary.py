"""A vocabulary counted from a corpus: every Chinese character one piece, Latin letters in
lower-cased word pieces."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from pet_mtl.atomic import new_folder
from pet_mtl.console import say
from pet_mtl.errors import PetMtlError
from pet_mtl.pretraining.corpus import Corpus, Document, unchanged_documents
from pet_mtl.pretraining.recipe import VocabularySpec
from pet_mtl.pretraining.word_vocabulary import (
    LATIN_WORD,
    SPECIAL,
    build_word_vocabulary,
    is_piece,
    ranked,
    require_characters,
    save_word_tokenizer,
)
from pet_mtl.storage.digests import is_whole, write_digests

FORMAT_VERSION = 2
_MOST_WORDS = 200_000  # rarer words decide nothing, and a crawl has no end of them
_MOST_COPIES = 1_000  # the trainer counts copies: a word this frequent is a piece anyway


def build_vocabulary(documents: Iterable[Document], spec: VocabularySpec) -> list[str]:
    """Return the pieces, most frequent characters first behind the special tokens.

    Half of the rule is a frequency cut: a character or a word piece that occurs less than
    `min_frequency` times is none. If more are left than fit, Latin pieces have at most `latin`
    places, characters the others.

    Raises:
        PetMtlError: see `require_characters`.
    """
    characters: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for document in documents:
        text = "\n".join(document).lower()
        characters.update(text)
        words.update(LATIN_WORD.findall(text))
        if len(words) > 4 * _MOST_WORDS:
            words = Counter(dict(words.most_common(_MOST_WORDS)))
    latin = _word_pieces(words, spec.min_frequency, spec.latin)
    room = max(0, spec.size - len(SPECIAL) - len(latin))
    frequent = (c for c, n in ranked(characters) if n >= spec.min_frequency)
    kept = [c for c in frequent if is_piece(c) and c not in latin][:room]
    require_characters(kept, room)
    return [*SPECIAL, *kept, *latin]


def _word_pieces(words: Counter[str], least: int, most: int) -> list[str]:
    """Return letters, digits and word pieces of Latin words; `##` marks those that go on a word."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    frequent = [(word, count) for word, count in words.most_common(_MOST_WORDS) if count >= least]
    if not most or not frequent:
        return []
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    letters = sorted({letter for word, _ in frequent for letter in word})
    inside = sorted({f"##{letter}" for word, _ in frequent for letter in word[1:]})
    trainer = trainers.WordPieceTrainer(
        vocab_size=most,
        min_frequency=least,
        show_progress=False,
        # else numbered as threads meet them, and of equally frequent pairs the number decides
        special_tokens=[*letters, *inside],
        continuing_subword_prefix="##",
    )
    lines = (" ".join([word] * min(count, _MOST_COPIES)) for word, count in frequent)
    tokenizer.train_from_iterator(lines, trainer)
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)[:most]


def save_tokenizer(pieces: list[str], folder: Path, positions: int) -> None:
    """Write a `BertTokenizer` folder that transformers loads."""
    from transformers import BertTokenizer

    with new_folder(folder) as temporary:
        tokenizer = BertTokenizer(
            vocab={piece: number for number, piece in enumerate(pieces)},
            do_lower_case=True,
            strip_accents=False,
            tokenize_chinese_chars=True,
            model_max_length=positions,
        )
        tokenizer.save_pretrained(temporary)
        (temporary / "vocab.txt").write_text(
            "".join(f"{piece}\n" for piece in pieces), encoding="utf-8"
        )
        write_digests(temporary)


def vocabulary_folder(corpus: Corpus, spec: VocabularySpec, positions: int, place: Path) -> Path:
    """Return the tokenizer folder of a corpus and a recipe, building it where it is missing.

    Args:
        positions: longest input of the model.
        place: the folder that caches are kept in.

    Raises:
        RunError: the disk is full, or the corpus changed meanwhile; nothing of it is left.
    """
    digest = corpus.digest
    made_of = json.dumps([FORMAT_VERSION, digest, spec.model_dump(mode="json"), positions])
    folder = place / f"vocabulary-{sha256(made_of.encode()).hexdigest()[:16]}"
    if not is_whole(folder):
        if folder.exists():
            say(f"the vocabulary in {folder} is damaged: building it anew")
        say("counting the vocabulary")
        documents = _watched(unchanged_documents(corpus, digest))
        if spec.words:
            save_word_tokenizer(build_word_vocabulary(documents, spec), folder, positions)
        else:
            save_tokenizer(build_vocabulary(documents, spec), folder, positions)
        say(f"vocabulary: {folder}")
    return folder


def _watched(documents: Iterator[Document]) -> Iterator[Document]:
    said = time.monotonic()
    for number, document in enumerate(documents, start=1):
        yield document
        if time.monotonic() - said > 15.0:
            said = time.monotonic()
            say(f"counting: {number:,} documents")


def check_vocabulary(tokenizer: Any, mlm: Any, where: str) -> None:
    """Refuse a tokenizer with more pieces than the model has.

    Raises:
        PetMtlError: the vocabulary does not fit the model.
    """
    if len(tokenizer) > mlm.config.vocab_size:
        raise PetMtlError(
            f"the vocabulary has {len(tokenizer):,} pieces, but the model only "
            f"{mlm.config.vocab_size:,}",
            where=where,
            hint=(
                "the tokenizer belongs to another model; put the model's own files into the folder"
            ),
        )
