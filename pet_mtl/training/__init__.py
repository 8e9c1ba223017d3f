"""Training: from a suite to a checkpoint.

- `run`         the whole procedure, from the suite to the checkpoint
- `inputs`      rows, prompts and model of a run; `row_notes` warns of few rows and rare labels,
  `unlabelled` encodes rows that loss terms read, `card_facts` are for the model card
- `preparation` what is found out before the first step, a list of steps from suite to suite
  (`few_rows`, `automatic_words`, `prior_filter`, `pattern_accuracy`), which read what is `given`
- `trainer`     one run: evaluations, saving, resuming
- `steps`       the optimizer steps: exact under accumulation, several processes, and resume;
  `step_sums` are what is logged of them
- `row_loss`    the losses of a batch: label loss, adjustment, teachers, terms
- `teachers`    what teachers say of the rows; `ask` asks one, in blocks that survive a stop
- `pieces`      the gradients of a step's rows, cut for memory and several processes
- `step_model`  model and loss of a piece, with what loss terms ask of it
- `errands`     which loss terms act on which rows; `whole_step` those over all rows of a step
- `task_gradients` each task's gradient, for surgery and some weightings
- `calibrate`   the calibration of a finished run; `result` what it gives
"""
