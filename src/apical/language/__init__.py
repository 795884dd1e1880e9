"""The grammar of model and rule texts: parsing, names, rank-one terms, activation functions.

Imports `_base` only. To add an activation function, give its text and slope a row in
`activations.py`; every device evaluates that text.
"""
