"""Checkpoints on a model hub, when the user says so.

- `contents` which files of a checkpoint are uploaded, and that it is whole and finished
- `push`     what `pet-mtl push` does: the requests, and what their failures mean
"""
