"""How good predictions are.

- `classification`: accuracy, macro-F1 with its bootstrap interval, per-label scores, the confusion
matrix
- `score`: what the scores of all kinds of task have in common
- `multi_label`, `similarity`, `ordered`, `hierarchy`: the scores of other kinds of task
- `gain`: what a change of the predictions gains, with its interval
- `throughput`: rows and tokens a second
"""
