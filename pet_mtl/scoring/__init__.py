"""Scoring: label probabilities of rows, by the same code during training and after.

- `loaded`      a model or checkpoint in memory, ready to score rows
- `log_probs`   prompts to label log-probabilities
- `chain`, `mixes`  what other tasks say in a prompt, and what of it is learned through
- `processes`   several processes that score the same rows together
- `thresholds`  of the labels of sets, fitted on dev rows; `learned_parts` what needs training
- `zero_shot`   models for tasks that they were not trained on
- `calibration` what the model says about the labels before it has seen a text, taken out
- `predictor`   a checkpoint as a Python object: `pet_mtl.load(folder).predict([...])`; `notebook`:
  what notebooks show of it
- `given_rows`  the rows of `--data`, or a suite's dev rows; `inputs` texts, stdin and files
- `checkpoint_scores` what `pet-mtl score` prints: checkpoints, or models without training, on
  rows with labels; `patterns` those of each pattern
- `prediction_files` what `pet-mtl predict` writes, by `ranking` in another order; `records` its
  formats, `prediction_writers` its files block by block
- `top_pieces`  what the model would say at the slots of a prompt, of its whole vocabulary
- `leak_guard`  a warning where scored rows were trained on
"""
