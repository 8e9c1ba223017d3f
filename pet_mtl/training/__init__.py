"""Training: from a suite to a checkpoint.

- `run`         the whole procedure, from the suite to the report
- `trainer`     one run: evaluations, saving, resuming
- `steps`       what every procedure does around its steps: count, log, evaluate, save, stop
- `loop`        the optimizer steps: exact under accumulation, several processes, and resume
- `optim`       AdamW with layer-wise rates, warm-up and linear decay
- `calibrate`   the calibration of a finished run
- `checkpoint`  the self-contained checkpoint folder, written whole or not at all
- `own_weights` what a method adds to its backbone, in a file beside it
- `trained_on`  which texts a checkpoint or backbone was trained on, for the warning of `score`
- `state`       what `--resume` needs beside the weights
- `outputs`     the run's folder: lock, `metrics.jsonl`
- `lock`        one process at a time in a folder
- `interrupt`   Ctrl-C and SIGTERM as a wish to stop
- `tensorboard` the figures for TensorBoard, where it is installed
"""
