"""The maths: a masked language model read only at its slots, and the methods it is compared with.

- `mlm_head`      the MLM head split into transform and decoder, family by family
- `slot_encoder`  BERT-like encoders run so that the last layer works only at the slots
- `fused_layer`   a BERT layer as one function on a CPU, in the few shapes of `attention_frame`
- `row_dropout`   dropout as a function of the row
- `backbone`      a masked language model: token ids in, states at the slots out
- `padding`       families whose states depend on the padding beside a row
- `word_reader`   how label words are read at masks, `causal_reader` behind the text; `causal` says
  which models need that
- `word_scores`   piece logits at the slots to word and label scores: the scoring rule
- `cloze_model`   both put together: mixed-task batches to label scores
- `joint_normalizer`  the softmax denominators of a batch in one go
- `own_parts`     what tasks add to a cloze model: `soft_pieces`, `verbalizers/`, pattern factors
- `mixed_words`   what other tasks say in a prompt, as embeddings that are learned through
- `amendments`    what one batch changes of some modules' outputs
- `calibration`   a fitted bias on the label log-probabilities
- `task_model`    what every method trains: label scores of mixed-task batches
- `methods/`      the ways to tell tasks apart, one file each
- `encoder`       the encoder without its head, `task_heads` features and decoders on it
- `sharing/`      what lies between shared features and the tasks' decoders
- `conditional_norm`  LayerNorms that depend on the task
- `allocator`     how the C allocator treats the memory of tensors
- `in_threads`    batches that are computed side by side on a CPU
- `compiled_layers`  `compile: true`
- `drawing`       new parts drawn by a seed, torch's own generator left alone
- `light_import`  transformers without what no command uses
- `hardware`      precision and attention implementation, chosen by the machine, with the reason
"""
