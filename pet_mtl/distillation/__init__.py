"""Teachers to students as one procedure that goes on where it was stopped.

- `plan`        which teachers and students there are, and the suites and rows that they train on
- `buildable`   models that could not be built are refused before the first is trained
- `folds`       training rows cut so that a teacher labels rows that it was not trained on
- `answers`     what teachers say of all rows, kept on disk, and their mean
- `generations` unlabelled rows that teachers are sure of, as labelled rows of the next ones (iPET)
- `folder`      what belongs to a distillation on disk, one run at a time
- `stages`      what each stage brought
- `run`         the whole
"""
