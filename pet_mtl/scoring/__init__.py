"""Scoring: label probabilities of rows, by the same code during training and after.

- `scorer`     prompts to label log-probabilities, and those to scores
- `predictor`  a checkpoint as a Python object: `pet_mtl.load(folder).predict([...])`
- `tables`     the JSON that `score --json` prints
- `predict`    predictions of whole files, in the contest's formats too
"""
