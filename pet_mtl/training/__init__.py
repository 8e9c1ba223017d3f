"""Training: from a suite to a checkpoint.

- `run`         the whole procedure, from the suite to the checkpoint; who wants a report passes a
function
- `trainer`     one run: evaluations, saving, resuming
- `loop`        the optimizer steps: exact under accumulation, several processes, and resume

- `calibrate`   the calibration of a finished run
"""
