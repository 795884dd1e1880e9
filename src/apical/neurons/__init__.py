"""Populations: one file for each neuron model, and the encoders that turn stimuli into spikes.

Imports `plasticity` and below. To add a neuron model, derive a final frozen dataclass from
`Population` in a file of its own: its equations as Brian2 text, written as in the paper with a
named fragment for each option (`apical.language.fragments`), its signals, its role, and those
properties of `base.Population` whose defaults do not apply. No code outside this folder depends on
the class of a population. Classes are abstract or final: no model edits the text of another. To add
an encoder, derive a class from `Encoder` in `encoding.py`. Name either in its registry,
`POPULATIONS` or `ENCODERS`; other packages name their class as an entry point of group
``apical.populations`` or ``apical.encoders``.
"""

from apical.neurons.base import INFINITE as INFINITE
from apical.neurons.base import NeuronModel as NeuronModel
from apical.neurons.base import Neurons as Neurons
from apical.neurons.base import Population as Population
from apical.neurons.lif import LIF as LIF
from apical.neurons.stimulus import Stimulus as Stimulus
