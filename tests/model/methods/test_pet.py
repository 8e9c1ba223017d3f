import toys
from toy_methods import compiled, make_suite

from pet_mtl.cloze.form import compile_forms
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.methods import build, compiler, pet


def test_the_cloze_method_adds_nothing() -> None:
    suite = make_suite("pet")
    mlm = toys.build_mlm("bert", toys.piece_tokenizer("wordpiece").vocab_size)
    model = build(mlm, compiled(suite), suite, "eager")
    assert compiler(suite.method) is pet.compiler(suite.method) is compile_forms
    assert type(model) is ClozeModel
    assert model.own_rate is None
    assert {id(parameter) for parameter in model.parameters()} == {
        id(parameter) for parameter in mlm.parameters()
    }
    assert model.parameter_counts().task_specific == 0
