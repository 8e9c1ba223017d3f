"""How good predictions are.

- `classification`: accuracy, macro-F1 with its bootstrap interval, per-label scores, the confusion
matrix
- `gain`: what a change of the predictions gains in macro-F1, with its interval
"""
