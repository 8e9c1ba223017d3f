"""What a run trains on: the model with its tokenizer, and the rows, held-out ones apart."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.data.keys import row_keys
from pet_mtl.data.rows import Rows
from pet_mtl.data.suite_data import load_suite_data
from pet_mtl.errors import PetMtlError, placed
from pet_mtl.model.backbone import check_length
from pet_mtl.model.hardware import Machine
from pet_mtl.pretraining.cache import Cache, open_or_build
from pet_mtl.pretraining.corpus import Corpus, find_corpus
from pet_mtl.pretraining.from_layers import keep_layers
from pet_mtl.pretraining.importance import mark_important, rows_of_scorer
from pet_mtl.pretraining.marker import mark_rows, store_marks, stored_marks, train_marker
from pet_mtl.pretraining.other_vocabulary import give_vocabulary
from pet_mtl.pretraining.pattern_rows import pattern_rows
from pet_mtl.pretraining.pieces import tokenizer_digest
from pet_mtl.pretraining.recipe import TakenShape, build_mlm
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.room import check_room
from pet_mtl.pretraining.rows import PieceRows, pack_rows
from pet_mtl.pretraining.task_text import TaskText, training_rows
from pet_mtl.pretraining.teacher_checks import check_same_vocabulary
from pet_mtl.pretraining.teaching import whole_model
from pet_mtl.pretraining.vocabulary import vocabulary_folder
from pet_mtl.scoring.loaded import LoadedCheckpoint
from pet_mtl.storage.digests import file_digest
from pet_mtl.storage.pretrained import load_tokenizer, resolve_model, suite_model
from pet_mtl.storage.trained_on import Keys, with_earlier
from pet_mtl.suite.suite import Suite, load_suite


@dataclass(frozen=True)
class Text:
    """Where the text of a run comes from.

    Attributes:
        suite: of the pattern file, if one is given.
        rows: the suite's rows that may be trained on, by task.
        corpus: documents to tokenise; None for pattern-aware masking, whose text are the suite's
            prompts.
        scorer: for selective masking.
    """

    suite: Suite | None
    rows: Mapping[str, Sequence[Rows]]
    corpus: Corpus | None
    scorer: LoadedCheckpoint | None


def find_text(request: PretrainRequest) -> Text:
    """Find and check everything that is read, before anything is written.

    Raises:
        PetMtlError: a file is missing or wrong.
    """
    suite: Suite | None = None
    rows: dict[str, list[Rows]] = {}
    if request.patterns is not None:
        suite = load_suite(request.patterns, data_root=request.data_root)
        labels_needed = request.masking == "pattern"
        data = load_suite_data(suite, texts_only=not labels_needed)
        rows, left_out = training_rows(data, unlabelled=not labels_needed)
        if left_out:
            say(f"{left_out} rows with the text of a dev or test row are left out")
    corpus: Corpus | None = None
    if request.task_text:
        corpus = TaskText(tuple(part for parts in rows.values() for part in parts))
    elif request.corpus:
        corpus = find_corpus(request.corpus, request.text_key)
    scorer = None if request.scorer is None else LoadedCheckpoint(request.scorer)
    if scorer is not None:
        with placed(f"--scorer {request.scorer}"):  # it reads the rows too
            check_length(scorer.mlm, request.settings.max_length, "set `-s max_length={}`")
    return Text(suite, rows, corpus, scorer)


def load_model(
    request: PretrainRequest, text: Text, machine: Machine, place: Path
) -> tuple[PieceTokenizer, Any]:
    """Return the tokenizer and the model that training starts from.

    Args:
        place: the folder that caches are kept in; a new vocabulary goes there.

    Raises:
        PetMtlError: the model cannot be loaded; its vocabulary does not fit; the rows are too long
            for it.
    """
    settings, recipe = request.settings, request.recipe
    if recipe is None:
        folder = _model_folder(request, text)
        tokenizer, mlm = whole_model(folder, settings, machine)
        if request.from_layers is not None:
            keep_layers(mlm, request.from_layers)
        if request.tokenizer is not None:
            wanted = PieceTokenizer(load_tokenizer(resolve_model(request.tokenizer)))
            give_vocabulary(mlm, tokenizer, wanted)
            say(f"vocabulary: {wanted.vocab_size:,} pieces instead of {tokenizer.vocab_size:,}")
            tokenizer = wanted
        return tokenizer, mlm
    spec, shape = recipe.vocabulary, recipe.model
    if spec.tokenizer is not None or isinstance(shape, TakenShape):
        whose = "the teacher's" if spec.tokenizer is None else "that of `vocabulary.tokenizer`"
        for name in spec.counting:
            say(f"warning: `vocabulary.{name}` does nothing: the vocabulary is {whose}")
    if isinstance(shape, TakenShape):
        tokenizer, mlm = whole_model(
            resolve_model(request.teacher or ""), settings, machine, shape.dropout
        )
        shape.check(mlm.config)
        keep_layers(mlm, shape.from_layers)
        if spec.tokenizer is not None:
            folder = resolve_model(spec.tokenizer, Path(recipe.base))
            check_same_vocabulary(
                PieceTokenizer(load_tokenizer(folder)), tokenizer, "vocabulary.tokenizer"
            )
        return tokenizer, mlm
    if spec.tokenizer is not None:
        folder = resolve_model(spec.tokenizer, Path(recipe.base))
    elif text.corpus is None:
        raise PetMtlError(
            "there is no corpus to build a vocabulary from",
            hint="set `vocabulary.tokenizer` to a tokenizer's folder, or give `--corpus FILES`",
        )
    else:
        folder = str(vocabulary_folder(text.corpus, spec, shape.positions, place))
    tokenizer = PieceTokenizer(load_tokenizer(folder))
    check_room(shape.parameters(tokenizer.vocab_size), trained_here=machine.device.type == "cpu")
    return tokenizer, build_mlm(
        shape,
        tokenizer.vocab_size,
        tokenizer.pad_id,
        seed=settings.seed,
        attention=machine.attention.value,
        dropout=settings.dropout,
    )


def _model_folder(request: PretrainRequest, text: Text) -> str:
    if request.start is not None or text.suite is None:
        return resolve_model(request.start or "")
    return suite_model(text.suite)


def _start(request: PretrainRequest, text: Text) -> str | None:
    if request.recipe is None:
        return _model_folder(request, text)
    taken = isinstance(request.recipe.model, TakenShape) and request.teacher
    return resolve_model(taken) if taken else None


def _trained_on(request: PretrainRequest, text: Text) -> dict[str, Keys]:
    own = {
        name: np.concatenate([row_keys(part) for part in parts])
        for name, parts in text.rows.items()
    }
    if request.recipe is None:
        own = with_earlier(Path(_model_folder(request, text)), own)
    if request.teacher is not None:  # what it was trained on reaches its student
        own = with_earlier(Path(resolve_model(request.teacher)), own)
    return own


@dataclass(frozen=True)
class Material:
    """The rows of a run.

    Attributes:
        train: rows to train on.
        held_out: rows to measure on; may be none.
        fingerprint: digest of both.
        trained_on: keys of the suite's rows among them, and of those that the model was trained on
            before, by task.
        start: folder or hub name of the model that weights come from; None: a new one.
    """

    train: PieceRows
    held_out: PieceRows
    fingerprint: str
    trained_on: dict[str, Keys]
    start: str | None


def load_material(
    request: PretrainRequest, text: Text, tokenizer: PieceTokenizer, place: Path
) -> Material:
    """Return the rows, tokenising what is in no cache yet.

    Raises:
        PetMtlError: there is no usable text.
    """
    settings = request.settings
    maskable = np.ones(tokenizer.vocab_size, bool)
    # the unknown piece is among them: nothing to learn
    maskable[tokenizer.tokenizer.all_special_ids] = False
    if request.masking == "pattern":
        assert text.suite is not None
        if request.cache is not None:
            say("warning: `--cache` does nothing: prompts are made anew in each run")
        with placed(text.suite.source):
            rows, keys = pattern_rows(
                text.suite.tasks, text.rows, tokenizer, settings.max_length, maskable
            )
        hashes = (keys >> np.uint64(32)).astype(np.uint32)  # a row's patterns and repeats share it
        kept = "pattern"
    else:
        assert text.corpus is not None
        words = request.masking == "whole-word"
        cache = open_or_build(text.corpus, tokenizer, place, words=words)
        rows, hashes = _cached_rows(cache, tokenizer, settings.max_length, maskable, words=words)
        kept = str(cache.key["corpus"])
    if request.masking == "selective":
        rows = _with_marks(request, text, rows, tokenizer, kept, place)
    held = hashes < settings.held_out * 2**32
    if held.all():
        raise PetMtlError(
            "the corpus is too small to hold a document out",
            hint="set `-s held_out=0`, or give more text",
        )
    if settings.held_out and not held.any():
        say(
            "note: the text is too small to hold a document out, so nothing is measured "
            "(`-s held_out=0.2` holds more of it)"
        )
    digest = hashlib.sha256(f"{kept} {tokenizer_digest(tokenizer)} {len(rows)}".encode())
    digest.update(rows.starts[:: max(1, len(rows) // 1000)].tobytes())
    if kept == "pattern":
        digest.update(np.ascontiguousarray(rows.pieces).tobytes())
        digest.update(np.packbits(held).tobytes())
    elif rows.marks is not None:  # another scorer marks other pieces
        digest.update(np.ascontiguousarray(rows.marks).data)
    return Material(
        _pick(rows, ~held),
        _pick(rows, held),
        digest.hexdigest(),
        _trained_on(request, text),
        _start(request, text),
    )


def _pick(rows: PieceRows, mask: npt.NDArray[np.bool_]) -> PieceRows:
    return replace(rows, starts=rows.starts[mask], ends=rows.ends[mask])


def _cached_rows(
    cache: Cache,
    tokenizer: PieceTokenizer,
    max_length: int,
    maskable: npt.NDArray[np.bool_],
    *,
    words: bool,
) -> tuple[PieceRows, npt.NDArray[np.uint32]]:
    room = max_length - len(tokenizer.start_ids) - len(tokenizer.end_ids)
    starts, ends, document = pack_rows(
        np.asarray(cache.paragraphs), np.asarray(cache.documents), room
    )
    rows = PieceRows(
        pieces=cache.pieces,
        starts=starts,
        ends=ends,
        before=tuple(tokenizer.start_ids),
        after=tuple(tokenizer.end_ids),
        maskable=maskable,
        pad_id=tokenizer.pad_id,
        words=cache.words if words else None,
    )
    return rows, np.asarray(cache.hashes)[document]


def _with_marks(
    request: PretrainRequest,
    text: Text,
    rows: PieceRows,
    tokenizer: PieceTokenizer,
    corpus: str,
    place: Path,
) -> PieceRows:
    scorer = text.scorer
    assert scorer is not None
    if tokenizer_digest(scorer.tokenizer) != tokenizer_digest(tokenizer):
        raise PetMtlError(
            "the scorer has another vocabulary than the model",
            where=f"--scorer {request.scorer}",
            hint="train the scorer from the model that is to be pre-trained",
        )
    if text.suite is not None:
        task_rows = rows_of_scorer(scorer.suite, text.suite, text.rows)
    else:
        task_rows = training_rows(load_suite_data(scorer.suite), unlabelled=False)[0]
    texts = hashlib.sha256()
    for part in itertools.chain.from_iterable(task_rows.values()):
        texts.update(row_keys(part).tobytes() + part.labels.tobytes())
    made_of = {
        "corpus": corpus,
        "tokenizer": tokenizer_digest(tokenizer),
        "scorer": file_digest(scorer.folder / "model.safetensors"),
        "rows": texts.hexdigest(),
        "max_length": request.settings.max_length,
        "seed": request.settings.seed,
    }
    marks = stored_marks(place, made_of, len(rows.pieces))
    if marks is None:
        marked = mark_important(scorer, task_rows, seed=request.settings.seed)
        marker = train_marker(scorer.mlm, marked, rows, scorer.machine, request.settings.seed)
        marks = mark_rows(marker, rows, scorer.machine)
        store_marks(place, made_of, marks)
        marks = stored_marks(place, made_of, len(rows.pieces))
    assert marks is not None
    if not marks.any():
        raise PetMtlError(
            "no piece of the text is important to the scorer's tasks: there is nothing to learn",
            where="--masking selective",
            hint="take text of their domain, or a scorer that classifies its training rows well",
        )
    say(f"marks: {float(np.mean(marks)):.1%} of the pieces are important")
    return replace(rows, marks=marks)
