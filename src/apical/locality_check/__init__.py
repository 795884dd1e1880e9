"""Dynamic locality check: perturb a neuron or synapse, and test which weight updates change.

Imports `devices` and below. To add a perturbation, write it in `signals.py` or `synapses.py`: what
is changed, and which updates may depend on it.
"""
