import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
import toys

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import Backbone
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer, resolve_model


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    toys.build_mlm("bert").save_pretrained(folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def refused(folder: Path | str) -> str:
    """Return the message of the refusal, which names the folder and what to do."""
    with pytest.raises(PetMtlError) as caught:
        load_masked_lm(str(folder))
    (problem,) = caught.value.problems
    assert problem.where == str(folder)
    assert problem.hint
    return problem.message


def test_a_saved_model_comes_back(saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = load_masked_lm(str(saved))
    wanted = toys.build_mlm("bert").state_dict()
    assert model.state_dict().keys() == wanted.keys()
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert capfd.readouterr() == ("", "")


def overwrite(file: Path) -> None:
    """Put zeros over a file in place, as `cp` does with another one's content."""
    with file.open("r+b") as handle:
        handle.write(bytes(file.stat().st_size))


def test_what_overwrites_the_file_does_not_change_the_loaded_model(copy: Path) -> None:
    model = load_masked_lm(str(copy))
    wanted = {name: value.clone() for name, value in model.state_dict().items()}
    overwrite(copy / "model.safetensors")
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_checkpoints_load_as_fp32(tmp_path: Path, dtype: torch.dtype) -> None:
    toys.build_mlm("bert").to(dtype).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == str(dtype).removeprefix(
        "torch."
    )
    assert {p.dtype for p in load_masked_lm(str(tmp_path)).parameters()} == {torch.float32}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_the_attention_implementation_is_handed_on(saved: Path, attention: str) -> None:
    assert load_masked_lm(str(saved), attention=attention).config._attn_implementation == attention


@pytest.mark.parametrize("family", list(toys.FAMILIES))
def test_dropout_sets_every_rate(tmp_path: Path, family: str) -> None:
    toys.build_mlm(family, dropout=0.2).save_pretrained(tmp_path)

    def rates(model: torch.nn.Module) -> set[float]:
        modules = {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)}
        return modules | {
            m.attention_dropout
            for m in model.modules()
            if isinstance(getattr(m, "attention_dropout", None), float)
        }

    assert rates(load_masked_lm(str(tmp_path))) - {0.0} == {0.2}
    assert rates(load_masked_lm(str(tmp_path), dropout=0.0)) == {0.0}
    assert rates(load_masked_lm(str(tmp_path), dropout=0.35)) - {0.0} == {0.35}


@pytest.mark.parametrize(
    "kind", ["BertModel", "BertForSequenceClassification", "BertForTokenClassification"]
)
def test_a_checkpoint_without_the_head_is_refused(tmp_path: Path, kind: str) -> None:
    import transformers

    config = transformers.BertConfig(vocab_size=60, **toys.SIZE)
    getattr(transformers, kind)(config).save_pretrained(tmp_path)
    message = refused(tmp_path)
    assert "lacks weights of the masked-language-model head: cls.predictions" in message


def test_pickled_weights_are_refused_unread(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert "pickle" in refused(copy)


@pytest.mark.parametrize("keep", [0, 4, 100, 5000, -1])
def test_weights_cut_short_are_refused(copy: Path, keep: int) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    assert "damaged or cut short" in refused(copy)


def test_missing_weights_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    refused(copy)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"model_type": "no-such-family"}',
        '{"model_type": 3}',
        '{"model_type": "gpt2"}',
        "\x00\xff",
    ],
)
def test_configurations_that_are_none(copy: Path, config: str) -> None:
    (copy / "config.json").write_text(config, encoding="latin-1")
    refused(copy)


def test_what_is_wrong_in_a_configuration_is_named(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    assert "LayerNorm.bias` have the shape [32], by `config.json` [64]" in refused(copy)
    (copy / "config.json").write_text(json.dumps(config | {"hidden_act": "none"}))
    assert "form: nothing is called 'none'" in refused(copy)
    (copy / "config.json").write_text(json.dumps(config | {"layer_norm_eps": "small"}))
    assert "'layer_norm_eps': TypeError: " in refused(copy)


def test_a_causal_model_is_refused(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(
        GPT2Config(vocab_size=60, n_embd=32, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
    ).save_pretrained(tmp_path)
    assert "no masked-language-model form" in refused(tmp_path)


def test_an_empty_folder_and_an_unknown_hub_name(tmp_path: Path) -> None:
    assert "no model that transformers can load" in refused(tmp_path)
    assert "and the hub cannot be asked for it" in refused("nobody-here/no-such-model")


def test_code_in_a_model_folder_is_not_run(copy: Path) -> None:
    trap = copy / "trap"
    config = {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.Own", "AutoModelForMaskedLM": "own.Own"},
    }
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "own.py").write_text(f"open({str(trap)!r}, 'w')\nclass Own: pass\n")
    refused(copy)
    assert not trap.exists()


def test_names_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "base" / "near").mkdir(parents=True)
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert Path(resolve_model("zh-mini")).is_dir()
    assert resolve_model("here") == "here"
    assert resolve_model("near", tmp_path / "base") == str(tmp_path / "base" / "near")
    assert resolve_model("a/b") == "a/b"
    assert resolve_model("hfl/chinese-roberta-wwm-ext", tmp_path) == "hfl/chinese-roberta-wwm-ext"


@pytest.mark.parametrize(
    "name", ["no-such", "./no/such", "/no/such", "a/b/c", "", "~/model", "../x"]
)
def test_names_that_are_no_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PetMtlError, match=r"(?s)there is no model .*`zh-mini`"):
        resolve_model(name)


def save_tokenizer(folder: Path) -> Any:
    toys.word_piece_tokenizer().save_pretrained(folder)


def test_tokenizers(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    assert load_tokenizer(str(tmp_path)).mask_token == "[MASK]"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": "1.0"}'])
def test_damaged_tokenizers_are_refused(tmp_path: Path, content: str) -> None:
    save_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(PetMtlError, match="no tokenizer could be loaded"):
        load_tokenizer(str(tmp_path))


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PetMtlError, match="no tokenizer could be loaded"):
        load_tokenizer(str(tmp_path))


@pytest.mark.parametrize(
    "files",
    [
        ["weights.bin"],
        ["a.safetensors", "weights.bin"],
        ["../other/model.safetensors"],
        ["/x/model.safetensors"],
        [3],
    ],
)
def test_an_index_that_names_other_weights_is_refused(tmp_path: Path, files: list[object]) -> None:
    """transformers would load `weights.bin` with pickle, since an index says so and a
    `.safetensors` file is there."""
    (tmp_path / "decoy.safetensors").write_bytes(b"")
    names = {f"weight{number}": file for number, file in enumerate(files)}
    (tmp_path / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": names}), encoding="utf-8"
    )
    with pytest.raises(PetMtlError, match="index of the weights"):
        load_masked_lm(str(tmp_path))


@pytest.mark.parametrize("content", ["", "[]", '{"weight_map": []}', "[" * 100_000, "9" * 5000])
def test_a_damaged_index_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content, encoding="utf-8")
    with pytest.raises(PetMtlError, match="index of the weights is damaged"):
        load_masked_lm(str(tmp_path))


def test_a_name_below_a_folder_that_is_here_is_no_hub_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    assert resolve_model("hfl/chinese-roberta-wwm-ext", tmp_path) == "hfl/chinese-roberta-wwm-ext"
    with pytest.raises(PetMtlError, match="there is no model"):
        resolve_model("runs/typo", tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("runs/typo", "a b/c", "a\nb/c", "a/\x00"):
        with pytest.raises(PetMtlError, match=r"there is no model|null byte"):
            resolve_model(name)


def test_a_tokenizer_that_was_rewritten_is_read_again(tmp_path: Path) -> None:
    from transformers import BertTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for pieces in (["天"], ["天", "气"]):
        vocabulary = {piece: i for i, piece in enumerate([*special, *pieces])}
        BertTokenizer(vocab=vocabulary).save_pretrained(tmp_path)
        assert len(load_tokenizer(str(tmp_path))) == len(vocabulary)
        assert load_tokenizer(str(tmp_path)) is load_tokenizer(str(tmp_path))


def test_tokenizers_of_folders_that_changed_are_let_go(tmp_path: Path) -> None:
    """A server loads its checkpoint again whenever the training that goes on writes it."""
    from transformers import BertTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    BertTokenizer(vocab={piece: i for i, piece in enumerate(special)}).save_pretrained(tmp_path)
    first = weakref.ref(load_tokenizer(str(tmp_path)))
    for size in range(10):
        (tmp_path / "pet_mtl.json").write_bytes(bytes(size))
        load_tokenizer(str(tmp_path))
    gc.collect()
    assert first() is None


def test_a_tokenizer_whose_longest_input_is_no_number(tmp_path: Path) -> None:
    toys.write_bert(tmp_path, "好坏")
    file = tmp_path / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps(settings | {"model_max_length": "many"}))
    with pytest.raises(PetMtlError, match="model_max_length"):
        load_tokenizer(str(tmp_path))


@pytest.mark.parametrize(("family", "found"), [("bert", "sdpa"), ("deberta-v2", "eager")])
def test_a_family_without_sdpa_is_read_with_eager(tmp_path: Path, family: str, found: str) -> None:
    """On a GPU every model is asked for sdpa."""
    toys.build_mlm(family).save_pretrained(tmp_path)
    model = load_masked_lm(str(tmp_path), attention="sdpa")
    assert model.config._attn_implementation == found
    ids = torch.tensor([[5, 6, 7, 8]])
    wanted = load_masked_lm(str(tmp_path))(input_ids=ids).logits
    torch.testing.assert_close(model(input_ids=ids).logits, wanted, rtol=1e-4, atol=1e-4)


def test_pieces_are_not_drawn_at_random(tmp_path: Path) -> None:
    """A tokenizer may be stored with the dropout that its BPE was trained with."""
    toys.byte_level_tokenizer().save_pretrained(tmp_path)
    file = tmp_path / "tokenizer.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["model"]["dropout"] = 0.5
    file.write_text(json.dumps(settings), encoding="utf-8")
    pieces = PieceTokenizer(load_tokenizer(str(tmp_path)))
    assert len({str(pieces.encode(["the good news, 新闻体育天气"])) for _ in range(20)}) == 1


@pytest.mark.parametrize("family", ["albert", "distilbert"])
def test_what_a_forward_pass_returns_and_how_it_is_cut_changes_nothing(
    tmp_path: Path, family: str
) -> None:
    toys.build_mlm(family).save_pretrained(tmp_path)
    ids = torch.arange(10, 42).view(2, 16)
    rows = (ids, torch.ones_like(ids), ids[:, :1] % 5)
    wanted = Backbone(load_masked_lm(str(tmp_path)))(*rows)
    config = tmp_path / "config.json"
    odd = {"chunk_size_feed_forward": 3, "return_dict": False, "output_attentions": True}
    odd |= {"output_hidden_states": True}
    config.write_text(json.dumps(json.loads(config.read_text()) | odd))
    model = load_masked_lm(str(tmp_path))
    assert torch.equal(Backbone(model)(*rows), wanted)
    assert model(*rows[:2]).keys() == {"logits"}


def test_a_reason_that_begins_with_a_module_is_told(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text()) | {"add_cross_attention": True}
    (copy / "config.json").write_text(json.dumps(config))
    assert "BertLayer() should be used as a decoder model" in refused(copy)


@pytest.mark.parametrize("inner", ["checkpoint", "model"])
def test_the_folder_of_a_run_names_the_model_in_it(tmp_path: Path, inner: str) -> None:
    (tmp_path / inner).mkdir()
    (tmp_path / inner / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(PetMtlError, match=f"did you mean `{tmp_path / inner}`"):
        load_tokenizer(str(tmp_path))
