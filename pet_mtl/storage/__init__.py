"""What lies on disk: pre-trained models, checkpoints, the folders of runs.

- `pretrained`  a masked language model and its tokenizer, found by name and loaded safely
- `one_at_a_time` models are loaded by one thread at a time; no thread to be had is said as it is
- `folder_checks` what is checked of a model folder before and after transformers reads it
- `model_files` the files that transformers takes a model from, of a folder or of the hub's cache
- `tokenizer_growth` a tokenizer that makes texts longer without bound is refused
- `checkpoint`  the self-contained checkpoint folder, written whole or not at all
- `model_card`, `card_data` its `README.md`
- `own_weights` what a method adds to its backbone, in a file beside it
- `trained_on`  which texts a checkpoint or backbone was trained on, for the warning of `score`
- `average`     the mean of several checkpoints
- `state`, `run_weights` what `--resume` needs beside the weights
- `outputs`     the run's folder: lock, `metrics.jsonl`
- `folder_kinds` which command a folder belongs to
- `lock`        one process at a time in a folder
- `same_settings` what a folder's parts were made with: none is added that was made otherwise
- `taken_up`    whether a stopped run goes on or begins anew
- `backbone_digests` whether the backbone of a folder's results is still the same
- `checked_json`, `tensors`, `digests` files that anyone may have written, read with bounds
- `trackers` the figures for experiment trackers, where `train.report_to` asks for them
"""
