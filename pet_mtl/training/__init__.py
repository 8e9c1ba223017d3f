"""Training: from a suite to a checkpoint.

- `run`         the whole procedure, from the suite to the checkpoint; who wants a report passes a
function
- `trainer`     one run: evaluations, saving, resuming
- `steps`       the optimizer steps: exact under accumulation, several processes, and resume
- `row_loss`    the losses of a batch: label loss, adjustment, teachers, terms
- `calibrate`   the calibration of a finished run
"""
