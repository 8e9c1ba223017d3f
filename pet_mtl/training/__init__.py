"""Training: from a suite to a checkpoint.

- `run`         the whole procedure, from the suite to the report
- `trainer`     one run: evaluations, saving, resuming
- `loop`        the optimizer steps: exact under accumulation, several processes, and resume
- `calibrate`   the calibration of a finished run
"""
