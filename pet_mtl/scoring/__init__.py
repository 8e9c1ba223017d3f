"""Scoring: label probabilities of rows, by the same code during training and after.

- `loaded`      a model or checkpoint in memory, ready to score rows
- `log_probs`   prompts to label log-probabilities
- `processes`   several processes that score the same rows together
- `calibration` what the model says about the labels before it has seen a text, taken out
- `predictor`   a checkpoint as a Python object: `pet_mtl.load(folder).predict([...])`
- `given_rows`  the rows of `--data`, or a suite's dev rows
- `checkpoint_scores` what `pet-mtl score` prints: checkpoints, or models without training, on
rows with labels
- `prediction_files` what `pet-mtl predict` writes, in the contest's formats too
- `leak_guard`  a warning where scored rows were trained on
"""
