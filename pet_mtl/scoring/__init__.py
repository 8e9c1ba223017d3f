"""Scoring: label probabilities of rows, by the same code during training and after.

- `scorer`     prompts to label log-probabilities, and those to scores
- `predictor`  a checkpoint as a Python object: `pet_mtl.load(folder).predict([...])`
- `loaded`     a checkpoint in memory, ready to score rows
- `score`      checkpoints scored on dev rows or given files, and the JSON that `score --json` prints
- `leak_guard` a warning where scored rows were trained on
- `predict`    predictions of whole files, in the contest's formats too
"""
