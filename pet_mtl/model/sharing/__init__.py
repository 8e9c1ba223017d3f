"""What lies between the shared features and the tasks' decoders: one file a kind of sharing.

- `hard`            nothing: every task reads the same features
- `shared_private`  a part of all tasks beside a part of each task's own
- `moe`             experts of all tasks, mixed by one gate
- `mmoe`            experts of all tasks, mixed by a gate of each task's own
- `ple`             experts of all tasks and of each task's own, mixed level by level
- `snr`             levels of sub-networks with routes that training opens and closes
- `soft`            an encoder for each task, tied by a penalty
- `cross_stitch`    an encoder for each task, whose states are mixed behind some layers
- `routes`          which task uses what, for a report
- `expert`          the part that the others are made of, and how a gate mixes several
"""
