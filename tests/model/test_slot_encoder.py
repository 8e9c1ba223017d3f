from copy import deepcopy
from typing import Any

import pytest
import torch
import toys
from test_mlm_head import inputs
from torch import Tensor

from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.compiled_layers import compile_layers
from pet_mtl.model.row_dropout import begin_rows
from pet_mtl.model.slot_encoder import SlotEncoder, fits_slot_encoder

BERT_LIKE = [
    "bert",
    "ernie",
    "ernie-task-ids",
    "roberta",
    "xlm-roberta",
    "camembert",
    "electra",
    "electra-wide",
]


def hidden(model: Any, ids: Tensor, mask: Tensor, slots: Tensor) -> Tensor:
    out = model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
    return out[torch.arange(len(ids))[:, None], slots]


@pytest.mark.parametrize("family", list(toys.FAMILIES))
def test_which_families_it_runs(family: str) -> None:
    model = toys.build_mlm(family)
    assert fits_slot_encoder(model) is (family in BERT_LIKE)
    assert isinstance(Backbone(model).encode, SlotEncoder) is (family in BERT_LIKE)


def test_a_decoder_is_left_to_transformers() -> None:
    model = toys.build_mlm("bert")
    model.config.is_decoder = True
    assert not fits_slot_encoder(model)


@pytest.mark.parametrize("family", BERT_LIKE)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_states_at_the_slots(family: str, attention: str) -> None:
    model = toys.build_mlm(family)
    ids, mask, slots = inputs(model.config.pad_token_id)
    with torch.inference_mode():
        got = SlotEncoder(model.base_model, attention)(ids, mask, slots)
        torch.testing.assert_close(got, hidden(model, ids, mask, slots), rtol=1e-5, atol=2e-5)
    assert got.shape == (4, 2, 32)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("count", [1, 16])
def test_other_depths_and_numbers_of_slots(layers: int, count: int) -> None:
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    sizes = {**toys.SIZE, "num_hidden_layers": layers, "vocab_size": 60}
    model = BertForMaskedLM(BertConfig(**sizes)).eval()
    ids, mask, _ = inputs(0)
    slots = torch.arange(count).expand(4, count)
    with torch.inference_mode():
        got = SlotEncoder(model.base_model, "eager")(ids, mask, slots)
        torch.testing.assert_close(got, hidden(model, ids, mask, slots), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("autocast", [False, True])
def test_padding_and_blank_rows_give_numbers_and_change_nothing(
    attention: str, autocast: bool
) -> None:
    model = toys.build_mlm("bert")
    ids, mask, slots = inputs(0)
    wide = torch.nn.functional.pad(ids, (0, 24)), torch.nn.functional.pad(mask, (0, 24))
    encoder = SlotEncoder(model.base_model, attention)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out = encoder(ids, mask, slots)
        padded = encoder(*wide, slots)
        other = wide[0].clone()
        other[wide[1] == 0] = 33  # what stands in the padding must not be seen
        assert torch.equal(encoder(other, wide[1], slots), padded)
    assert out.isfinite().all()
    tolerance = {"rtol": 0.05, "atol": 0.1} if autocast else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(padded, out, **tolerance)
    out.float().square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", ["attention_probs_dropout_prob", "hidden_dropout_prob"])
def test_dropout_acts_in_training_only(attention: str, kind: str) -> None:
    from transformers import BertConfig, BertForMaskedLM

    rates = {"attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0, kind: 0.5}
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(vocab_size=60, **toys.SIZE, **rates))
    with torch.no_grad():  # attention must weigh something
        for parameter in model.parameters():
            parameter.mul_(5)
    encoder = SlotEncoder(model.base_model, attention)
    ids, mask, slots = inputs(0)
    model.train()
    with torch.no_grad():
        assert not torch.equal(encoder(ids, mask, slots), encoder(ids, mask, slots))
        torch.manual_seed(1)
        first = encoder(ids, mask, slots)
        torch.manual_seed(1)
        assert torch.equal(first, encoder(ids, mask, slots))
        model.eval()
        assert torch.equal(encoder(ids, mask, slots), encoder(ids, mask, slots))


def test_bfloat16_is_near_full_precision() -> None:
    model = toys.build_mlm("bert")
    ids, mask, slots = inputs(0)
    encoder = SlotEncoder(model.base_model, "eager")
    with torch.inference_mode():
        full = encoder(ids, mask, slots)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = encoder(ids, mask, slots)
    torch.testing.assert_close(mixed.float(), full, rtol=0.1, atol=0.15)


@pytest.mark.filterwarnings("default")  # torch's own
@pytest.mark.parametrize(("attention", "dropout"), [("sdpa", 0.0), ("eager", 0.2)])
def test_compiled_layers_train_as_the_others(attention: str, dropout: float) -> None:
    """One graph for all layers but the last, whatever the batch's shape; noise is drawn by fours
    of a length."""
    torch._dynamo.reset()
    model = toys.build_mlm("bert", dropout=dropout).train()
    layers = model.base_model.encoder.layer
    layers.append(deepcopy(layers[0]))  # the first, another and the last
    plain, compiled = (SlotEncoder(model.base_model, attention) for _ in range(2))
    compiled.compile("eager")
    begin_rows(3)
    counted = torch._dynamo.utils.counters["stats"]
    counted.clear()
    for count, length, wide in ((3, 8, 2), (5, 12, 1), (7, 16, 4)):
        ids = torch.randint(5, 40, (count, length))
        mask = (
            torch.arange(length) < torch.tensor([[length - 2]] + [[length]] * (count - 1))
        ).long()
        slots = torch.randint(0, length - 2, (count, wide))
        out = compiled(ids, mask, slots)
        torch.testing.assert_close(out, plain(ids, mask, slots), rtol=1e-5, atol=1e-5)
        out.square().sum().backward()
    assert counted["unique_graphs"] == 1
    model.eval()
    counted.clear()
    assert torch.equal(compiled(ids, mask, slots), plain(ids, mask, slots))
    assert not counted["unique_graphs"]
    begin_rows(None)


def test_compiling_says_where_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PetMtlError, match="cannot be compiled"):
        compile_layers(Backbone(toys.build_mlm("albert")))

    def compile(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no C++ compiler\nmany lines")

    monkeypatch.setattr(torch, "compile", compile)
    with pytest.raises(PetMtlError, match=r"torch cannot compile here: no C\+\+ compiler\n"):
        compile_layers(Backbone(toys.build_mlm("bert")))


def test_compiling_on_a_cpu_is_said_to_be_slow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    compile_layers(Backbone(toys.build_mlm("bert")))
    assert capsys.readouterr().err.count("warning: `compile` is for a GPU") == 1
