"""Python without YAML: tasks, training, models and a scikit-learn classifier.

- `task`       a task of a program, and its rows
- `train`      `pet_mtl.train`, and what it returns
- `suite`      tasks as the suite of a pattern file
- `load`       `pet_mtl.load`: a checkpoint, or a backbone with tasks (zero-shot)
- `wording`    errors that name options, told as arguments
- `classifier` `pet_mtl.PetClassifier`
- `class_labels` the labels of its rows, as scikit-learn has them
"""
