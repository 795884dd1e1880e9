"""The expression language of models and learning rules: parser, rank-one terms, activations.

Imports `_base` only. To add an activation function, give its text and slope a row in
`activations.py`; every device evaluates that text.
"""
