"""What training and pre-training share around and in an optimizer step.

- `loop`       what every procedure does around its steps: count, log, evaluate, save, stop
- `optimizer_step` the frame of one step: seed, rate, number format, clipping, checks
- `side_by_side` gradients of a step's pieces in threads, added up in order
- `optim`      AdamW with layer-wise rates, warm-up and decay
- `weight_average` a running mean of a model's weights
- `early_stop` when dev scores end a run
- `interrupt`  Ctrl-C, SIGTERM and SIGHUP as a wish to stop
- `accelerate_state` what accelerate knows of the process, given back at the end
"""
