import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from toy_texts import documents
from toys import BERT_SPECIALS

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.pretraining import cache as cache_module
from pet_mtl.pretraining.cache import Cache, open_or_build
from pet_mtl.pretraining.corpus import Document, FileCorpus, find_corpus
from pet_mtl.storage.digests import DIGESTS, write_digests


@pytest.fixture
def corpus(corpus_file: Path) -> FileCorpus:
    return find_corpus([str(corpus_file)])


def texts_of(cache: Cache, tokenizer: PieceTokenizer) -> list[Document]:
    """Return the documents that the cache holds, as text."""
    out: list[Document] = []
    start = paragraph = 0
    for end_paragraph in cache.documents.tolist():
        document = []
        for end in cache.paragraphs[paragraph:end_paragraph].tolist():
            assert cache.pieces[end - 1] == tokenizer.end_ids[-1]
            document.append("".join(tokenizer.piece_texts(cache.pieces[start : end - 1].tolist())))
            start = end
        out.append(document)
        paragraph = end_paragraph
    assert start == len(cache.pieces)
    return out


@pytest.mark.parametrize("words", [False, True])
def test_the_cache_holds_the_corpus(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    words: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache_module, "_CHUNK", 300)  # several chunks
    cache = open_or_build(corpus, toy_tokenizer, tmp_path, words=words)
    assert texts_of(cache, toy_tokenizer) == documents(60)
    assert len(cache.hashes) == 60
    assert isinstance(cache.pieces, np.memmap)
    assert cache.pieces.dtype == np.uint16
    assert (cache.words is not None) == words
    assert not list(tmp_path.glob(".*"))


def test_words(toy_tokenizer: PieceTokenizer, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("中国人民喜中abc de。[MASK]\n类同\n", encoding="utf-8")
    cache = open_or_build(find_corpus([str(file)]), toy_tokenizer, tmp_path / "cache", words=True)
    assert cache.words is not None
    pieces = toy_tokenizer.tokenizer.convert_ids_to_tokens(cache.pieces.tolist())
    begins = [piece for piece, begin in zip(pieces, cache.words, strict=True) if begin]
    assert pieces[:6] == list("中国人民喜中")
    assert begins[:6] == ["中", "人", "喜", "中", "a", "d"]
    assert "[MASK]" not in pieces  # special tokens in text are text
    assert begins[-1] == "[SEP]"


def test_it_is_reused_and_needs_no_corpus_twice(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = open_or_build(corpus, toy_tokenizer, tmp_path, words=True)
    monkeypatch.setattr(FileCorpus, "documents", lambda self: pytest.fail("read again"))
    (folder,) = tmp_path.iterdir()
    (tmp_path / f".{folder.name}.lock").touch()  # of a process that was killed at the last moment
    for words in (True, False):  # one with words serves those who need none
        again = open_or_build(corpus, toy_tokenizer, tmp_path, words=words)
        assert (again.pieces == first.pieces).all()
    assert list(tmp_path.iterdir()) == [folder]


def test_a_cache_without_words_is_built_anew(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_or_build(corpus, toy_tokenizer, tmp_path, words=False)
    assert open_or_build(corpus, toy_tokenizer, tmp_path, words=True).words is not None
    assert "has no words: building it anew" in capsys.readouterr().err


def other_tokenizer() -> PieceTokenizer:
    from transformers import BertTokenizer

    pieces = [*BERT_SPECIALS, *"乙甲丙丁戊己庚辛壬山水火土木金日月天地红"]
    return PieceTokenizer(
        BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)})
    )


def test_two_tokenizers_have_a_cache_each(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = open_or_build(corpus, toy_tokenizer, tmp_path, words=False)
    assert "another tokenizer" not in capsys.readouterr().err
    second = open_or_build(corpus, other_tokenizer(), tmp_path, words=False)
    assert "is of another tokenizer: building one beside it" in capsys.readouterr().err
    assert {first.folder, second.folder} == set(tmp_path.iterdir())
    monkeypatch.setattr(FileCorpus, "documents", lambda self: pytest.fail("read again"))
    for tokenizer, built in ((toy_tokenizer, first), (other_tokenizer(), second)):
        again = open_or_build(corpus, tokenizer, tmp_path, words=False)
        assert (again.folder, texts_of(again, tokenizer)) == (built.folder, documents(60))


def test_a_cache_of_another_tokenizer_is_built_anew_and_said(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It stands where this tokenizer's belongs: copied there, say."""
    place = open_or_build(corpus, toy_tokenizer, tmp_path, words=False).folder
    foreign = open_or_build(corpus, other_tokenizer(), tmp_path / "other", words=False).folder
    shutil.rmtree(place)
    foreign.rename(place)
    capsys.readouterr()
    cache = open_or_build(corpus, toy_tokenizer, tmp_path, words=False)
    assert "is of another tokenizer: building it anew" in capsys.readouterr().err
    assert (cache.folder, texts_of(cache, toy_tokenizer)) == (place, documents(60))


@pytest.mark.parametrize("file", ["pieces.bin", "hashes.bin", "cache.json"])
@pytest.mark.parametrize("how", ["cut", "missing"])
def test_a_damaged_cache_is_built_anew(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    file: str,
    how: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = open_or_build(corpus, toy_tokenizer, tmp_path, words=False).folder / file
    if how == "cut":
        place.write_bytes(place.read_bytes()[:-3])
    else:
        place.unlink()
    assert texts_of(
        open_or_build(corpus, toy_tokenizer, tmp_path, words=False), toy_tokenizer
    ) == documents(60)
    assert "is damaged: building it anew" in capsys.readouterr().err


def test_what_is_held_out_does_not_depend_on_the_tokenizer(
    corpus: FileCorpus, toy_tokenizer: PieceTokenizer, tmp_path: Path
) -> None:
    one = open_or_build(corpus, toy_tokenizer, tmp_path / "one", words=False)
    two = open_or_build(corpus, other_tokenizer(), tmp_path / "two", words=False)
    assert (one.hashes == two.hashes).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no usable text"),
        ("\n \n\t\n", "no usable text"),
        ("привет мир\n", "has no piece of the corpus"),
    ],
)
def test_no_usable_text(
    toy_tokenizer: PieceTokenizer, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "a.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PetMtlError, match=words):
        open_or_build(find_corpus([str(file)]), toy_tokenizer, tmp_path / "cache", words=False)
    assert not any((tmp_path / "cache").iterdir())


def test_many_unknown_pieces_are_told(
    toy_tokenizer: PieceTokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("甲乙丙x\n", encoding="utf-8")
    open_or_build(find_corpus([str(file)]), toy_tokenizer, tmp_path / "cache", words=False)
    assert "25.0% of the pieces are unknown" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing_behind(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_path = Path.open

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, data: bytes) -> int:
            self.file.write(data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None:
            self.file.close()

    def opened(self: Path, mode: str = "r", **more: Any) -> Any:
        file = open_path(self, mode, **more)
        return Full(file) if self.name == "pieces.bin" and mode == "wb" else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(RunError, match="the disk is full") as caught:
            open_or_build(corpus, toy_tokenizer, tmp_path, words=False)
    assert caught.value.exit_code == 1
    assert not any(tmp_path.iterdir())
    open_or_build(corpus, toy_tokenizer, tmp_path, words=False)


def test_ctrl_c_while_caching_leaves_nothing_behind(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stops(chunk: object, encoder: object, separator: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_module._Part, "of", stops)
    with pytest.raises(KeyboardInterrupt):
        open_or_build(corpus, toy_tokenizer, tmp_path, words=False)
    assert not any(tmp_path.iterdir())


def test_the_manifest_says_what_it_was_made_of(
    corpus: FileCorpus, toy_tokenizer: PieceTokenizer, tmp_path: Path
) -> None:
    folder = open_or_build(corpus, toy_tokenizer, tmp_path, words=True).folder
    made_of = json.loads((folder / "cache.json").read_text(encoding="utf-8"))
    assert made_of["corpus"] == corpus.digest
    assert made_of["words"].startswith("jieba ")
    assert made_of["counts"]["documents"] == 60


def test_of_two_processes_one_builds(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    built, real = [], cache_module._build

    def slow(*given: Any) -> None:
        built.append(given)
        busy.set()
        assert waits.wait(30)
        real(*given)

    busy, waits = Event(), Event()
    monkeypatch.setattr(cache_module, "_build", slow)
    monkeypatch.setattr(
        cache_module, "say", lambda text: waits.set() if "waiting for it" in text else None
    )
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(open_or_build, corpus, toy_tokenizer, tmp_path, words=False)
        assert busy.wait(30)
        second = pool.submit(open_or_build, corpus, toy_tokenizer, tmp_path, words=False)
        for one in (first, second):
            assert texts_of(one.result(60), toy_tokenizer) == documents(60)
    assert len(built) == 1
    assert [path.name for path in tmp_path.iterdir()] == [first.result().folder.name], (
        "no lock file is left"
    )


@pytest.mark.parametrize("seal", [False, True], ids=["damaged", "with fitting sums"])
@pytest.mark.parametrize("kind", ["bit", "dtype", "descending", "range", "counts", "json"])
def test_a_cache_that_is_not_what_it_was_is_built_anew(
    corpus: FileCorpus,
    toy_tokenizer: PieceTokenizer,
    tmp_path: Path,
    kind: str,
    seal: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = open_or_build(corpus, toy_tokenizer, tmp_path, words=False).folder
    pieces, key = folder / "pieces.bin", folder / "cache.json"
    made_of = json.loads(key.read_text())
    match kind:
        case "bit":
            data = bytearray(pieces.read_bytes())
            data[101] ^= 64  # the high byte of a piece: beyond the vocabulary
            pieces.write_bytes(data)
        case "dtype":
            key.write_text(json.dumps(made_of | {"dtype": "float16"}))
        case "descending":
            ends = np.fromfile(folder / "paragraphs.bin", "<i8")
            ends[3], ends[4] = ends[4], ends[3]
            ends.tofile(folder / "paragraphs.bin")
        case "range":
            ends = np.fromfile(folder / "documents.bin", "<i8")
            (ends * 2).tofile(folder / "documents.bin")
        case "counts":
            key.write_text(json.dumps(made_of | {"counts": {"pieces": "many"}}))
        case _:
            key.write_text("[" * 100_000)
    if seal:
        (folder / DIGESTS).unlink()
        write_digests(folder)
    with caplog.at_level("INFO", "pet_mtl"):
        cache = open_or_build(corpus, toy_tokenizer, tmp_path, words=False)
    assert texts_of(cache, toy_tokenizer) == documents(60)
    assert "building it anew" in caplog.text


def test_what_a_killed_builder_left_is_swept(
    corpus: FileCorpus, toy_tokenizer: PieceTokenizer, tmp_path: Path
) -> None:
    folder = open_or_build(corpus, toy_tokenizer, tmp_path, words=False).folder
    (folder / "cache.json").write_text("{}")
    (tmp_path / f".{folder.name}.wx7k_123.new").mkdir()
    (tmp_path / f".{folder.name}.wx7k_123.new" / "pieces.bin").write_bytes(b"half")
    open_or_build(corpus, toy_tokenizer, tmp_path, words=False)
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]


def test_a_corpus_that_changes_while_it_is_tokenised_is_not_kept(
    changing_corpus: FileCorpus, toy_tokenizer: PieceTokenizer, tmp_path: Path
) -> None:
    place = tmp_path / "cache"
    with pytest.raises(RunError, match="the corpus changed while it was read"):
        open_or_build(changing_corpus, toy_tokenizer, place, words=False)
    assert not any(place.iterdir())
    cache = open_or_build(changing_corpus, toy_tokenizer, place, words=False)
    assert texts_of(cache, toy_tokenizer) == list(changing_corpus.documents())
