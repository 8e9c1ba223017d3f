"""Neighbours: other packages that read the same tasks. None is imported before it is asked for.

- `openprompt`        a task as a live `PromptForClassification`, and rows scored by it
- `openprompt_train`  tasks of a suite trained with OpenPrompt, for `compare`
- `openprompt_import` importing OpenPrompt 0.1.1 under transformers 5, and taking back what that
needs
"""
