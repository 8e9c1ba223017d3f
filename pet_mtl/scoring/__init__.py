"""Scoring: label probabilities of rows, by the same code during training and after.

- `scorer`      prompts to label log-probabilities, and those to scores
- `calibration` what the model says about the labels before it has seen a text, taken out
- `predictor`   a checkpoint as a Python object: `pet_mtl.load(folder).predict([...])`
- `loaded`      a model or checkpoint in memory, ready to score rows
- `score`       checkpoints, or models without training, scored on dev rows or given files, with
their JSON
- `leak_guard`  a warning where scored rows were trained on
- `predict`     predictions of whole files, in the contest's formats too
"""
