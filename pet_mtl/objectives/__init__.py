"""What training minimises: one file an objective.

- `label_loss`, `logit_adjustment`  the loss of a row's label, and labels of unequal numbers
- `distillation`  the loss of what teachers say of a row
- `terms/`        what changes these losses or adds to them (`train.losses`)
- `altered`       a batch with other text, for terms that read more than the prompts
- `weighting/`    how much each task's loss counts (`train.weighting`)
- `surgery/`      how the gradients of several tasks become one (`train.surgery`)
- `adversarial`   word embeddings moved against the model
- `mlm_loss`, `mlm_distillation`, `relations`  pre-training: pieces, a teacher's pieces and layers
"""
