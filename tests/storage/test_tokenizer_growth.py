"""Steps of a tokenizer that make a text longer without bound are refused before it is loaded."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import toys

from pet_mtl.errors import PetMtlError
from pet_mtl.storage.pretrained import load_tokenizer
from pet_mtl.storage.tokenizer_growth import check_growth


def replace(content: str, **pattern: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern or {"Regex": "."}, "content": content}


def charsmap(*texts: str) -> dict[str, Any]:
    """Return a map without entries that knows some replacements."""
    content = bytes(4) + "".join(f"{text}\0" for text in texts).encode()
    return {
        "type": "Precompiled",
        "precompiled_charsmap": base64.b64encode(content).decode("ascii"),
    }


def sequence(key: str, *steps: Any) -> dict[str, Any]:
    return {"type": "Sequence", key: list(steps)}


def written(folder: Path, **parts: Any) -> Path:
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(parts), encoding="utf-8")
    return file


LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
ENDLESS: dict[str, dict[str, Any]] = {
    "replace": {"normalizer": sequence("normalizers", *[replace("a" * 1000)] * 4)},
    "one replace": {"normalizer": replace("a" * 10_001)},
    "untagged": {
        "normalizer": {"normalizers": [{"pattern": {"Regex": "."}, "content": "aa"}] * 40}
    },
    "nested": {
        "normalizer": sequence("normalizers", sequence("normalizers", *[replace("aa")] * 20))
    },
    "of nothing": {"normalizer": sequence("normalizers", *[replace("a", Regex="(?=.)")] * 20)},
    "of an empty text": {"normalizer": sequence("normalizers", *[replace("a", String="")] * 20)},
    "reluctant": {"normalizer": sequence("normalizers", *[replace("a", Regex=".{1}?")] * 20)},
    "of a text": {"normalizer": sequence("normalizers", *[replace("aaa", String="a")] * 20)},
    "decompose": {
        "normalizer": sequence("normalizers", *[replace("\ufdfa"), {"type": "NFKD"}] * 20)
    },
    "lower": {
        "normalizer": sequence("normalizers", *[replace("\u0130"), {"type": "Lowercase"}] * 20)
    },
    "prepend": {"normalizer": {"type": "Prepend", "prepend": "a" * 10_001}},
    "charsmap": {"normalizer": sequence("normalizers", *[charsmap("a", "b" * 500)] * 4)},
    "bytes": {"normalizer": sequence("normalizers", *[{"type": "ByteLevel"}] * 40)},
    "pre-tokenizers": {"pre_tokenizer": sequence("pretokenizers", *[LEVEL] * 40)},
    "together": {
        "normalizer": replace("a" * 1000),
        "pre_tokenizer": sequence("pretokenizers", *[LEVEL] * 4),
    },
    "decoder": {"decoder": sequence("decoders", *[replace("a" * 1000)] * 4)},
    "many": {"normalizer": sequence("normalizers", *[{"type": "ByteLevel"}] * 4000)},
}


@pytest.mark.parametrize("parts", ENDLESS.values(), ids=ENDLESS)
def test_a_text_made_longer_without_bound(tmp_path: Path, parts: dict[str, Any]) -> None:
    with pytest.raises(PetMtlError, match=r"tokenizer.json: .* makes a text .* times as long"):
        check_growth(written(tmp_path, **parts))


FINE: dict[str, dict[str, Any]] = {
    "llama": {
        "normalizer": sequence(
            "normalizers", {"type": "Prepend", "prepend": "▁"}, replace("▁", String=" ")
        ),
        "decoder": sequence("decoders", replace(" ", String="▁"), {"type": "ByteFallback"}),
    },
    "t5": {
        "normalizer": sequence(
            "normalizers",
            charsmap("\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064a\u0647"),
            {"type": "Strip", "strip_left": False, "strip_right": True},
            replace("▁", Regex=" {2,}"),
        )
    },
    "albert": {
        "normalizer": sequence(
            "normalizers",
            replace('"', String="``"),
            replace('"', String="''"),
            {"type": "NFKD"},
            {"type": "StripAccents"},
            {"type": "Lowercase"},
            charsmap("a" * 18),
        )
    },
    "replacements": {
        "normalizer": sequence(
            "normalizers",
            {"type": "NFKC"},
            {"type": "Lowercase"},
            *[
                replace(content, String=pattern)
                for pattern, content in (
                    *(("…", "..."), ("½", "1/2"), ("&", " and "), ("æ", "ae"), ("œ", "oe")),
                    *(("ß", "ss"), ("€", " euro "), ("\n", "<n>"), ("\t", "<|tab|>")),
                )
            ],
        )
    },
    "letters": {"normalizer": sequence("normalizers", *[replace("ی", Regex="[يى]")] * 60)},
    "half": {"normalizer": replace(" 1/2 ", String="½")},
    "none": {"normalizer": None, "pre_tokenizer": None},
}


@pytest.mark.parametrize("parts", FINE.values(), ids=FINE)
def test_what_real_tokenizers_do_passes(tmp_path: Path, parts: dict[str, Any]) -> None:
    check_growth(written(tmp_path, **parts))


@pytest.mark.parametrize("kind", [kind for kind in toys.MAKERS if kind != "python"])
def test_tokenizers_of_all_kinds_pass(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "tokenizer.json"
    toys.piece_tokenizer(kind).tokenizer.backend_tokenizer.save(str(file))
    check_growth(file)


def test_such_a_tokenizer_is_not_loaded(tmp_path: Path) -> None:
    toys.word_piece_tokenizer().save_pretrained(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | ENDLESS["replace"]), encoding="utf-8")
    with pytest.raises(PetMtlError, match="times as long"):
        load_tokenizer(str(tmp_path))


def test_a_file_that_nothing_names_is_not_read(tmp_path: Path) -> None:
    toys.word_piece_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "tokenizer_old.json").write_text("{", encoding="utf-8")
    assert len(load_tokenizer(str(tmp_path)))


def test_another_file_that_the_folder_names(tmp_path: Path) -> None:
    toys.word_piece_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "tokenizer.4.0.0.json").write_text(json.dumps(ENDLESS["replace"]), encoding="utf-8")
    with pytest.raises(PetMtlError, match="times as long"):
        load_tokenizer(str(tmp_path))


@pytest.mark.parametrize(
    "step",
    [
        5,
        "a",
        {"type": []},
        replace("a") | {"pattern": 3},
        [[[{"Regex": "."}, "a" * 1000]] * 4],  # the library reads objects written as arrays
        {"normalizers": 5},
        charsmap() | {"precompiled_charsmap": "é"},
    ],
)
def test_steps_that_are_none(tmp_path: Path, step: Any) -> None:
    toys.word_piece_tokenizer().save_pretrained(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | {"normalizer": step}), encoding="utf-8")
    with pytest.raises(PetMtlError, match="no tokenizer could be loaded"):
        load_tokenizer(str(tmp_path))
