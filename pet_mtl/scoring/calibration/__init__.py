"""Calibration: take out what the model says about the labels before it has seen a text.

Every method divides the label probabilities by those that the model gives, on average, to rows that
tell nothing about the label; the methods differ in these rows. No labels are used, and no dev or
test rows.

- `contextual` texts without content
- `pmi`        the bare pattern: pointwise mutual information with the task as domain
- `prior`      a sample of the unlabelled rows, or of the training rows
- `plan`       which method each task gets, with the rows to fit it on

The bias that comes out of it, as a checkpoint stores it, is `pet_mtl/model/calibration.py`.
"""
