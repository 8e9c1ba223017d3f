"""The maths: a masked language model read only at its slots.

- `mlm_head`      the MLM head split into transform and decoder, family by family
- `slot_encoder`  BERT-like encoders run so that the last layer works only at the slots
- `backbone`      a loaded masked language model: token ids in, states at the slots out
- `cloze_model`   states at the slots to label scores: the scoring rule
- `hardware`      precision and attention implementation, chosen by the machine, with the reason
"""
