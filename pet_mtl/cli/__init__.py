"""The command line: thin doors, one file a command; the work is done on the floors below.

- `main`        all commands, and how they end; `safe_group`, `stopping`, `launchers`: whatever a
  terminal, a signal or `torchrun` does
- `options`     options that several commands have
- `untrained`   the tasks of a model without training
- `predict_shards` the part of `predict` that writes shards
"""
