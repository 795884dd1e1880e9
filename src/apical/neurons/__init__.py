"""Populations: one file for each neuron model, and the encoders that turn stimuli into spikes.

Imports `plasticity` and below. To add a neuron model, derive a frozen dataclass from `Population`
in a file of its own: its equations as Brian2 text, the signals it offers, its role, and those facts
of `base.Population` to which the neutral answer is wrong. Nobody outside this folder asks of which
class a population is. To add an encoder, derive one from `Encoder` in `encoding.py`.
"""
