"""Training: from a suite to a checkpoint.

- `run`         the whole procedure, from the suite to the checkpoint; who wants a report passes a
function
- `preparation` what is found out before the first step, a list of steps from suite to suite
- `trainer`     one run: evaluations, saving, resuming
- `steps`       the optimizer steps: exact under accumulation, several processes, and resume
- `row_loss`    the losses of a batch: label loss, adjustment, teachers, terms
- `teachers`    what teachers say of the rows; `ask` asks one, in blocks that survive a stop
- `pieces`      the gradients of a step's rows, cut for memory and several processes
- `step_model`  model and loss of a piece, with what loss terms ask of it
- `calibrate`   the calibration of a finished run
"""
