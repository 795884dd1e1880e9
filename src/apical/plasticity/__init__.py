"""Learning rules, traces, optimisers and weight constraints (Dale's law, sparsity, quantisation).

Imports the grammar (`language`). To add a learning rule, write a function in `rules.py` that
returns a `LearningRule`: one update as text, its parameters, its source. To add an optimiser, write
one in `optimizers.py` that returns an `UpdateDynamics`.
"""
