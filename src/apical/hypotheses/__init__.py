"""Plausibility hypotheses about learning in brains, as transformations of a network.

Each takes a network and returns another that differs in one respect: simulators and `apical.check`
treat it as if it had been described so from the start.

    network = hypotheses.sparse_feedback(network, wires=1)

They compose by being applied one after the other. A neutral value (all wires, noise 0, delay 0)
changes no bit of a simulation. A hypothesis that does not apply to a network raises an error.

Imports `network` and below. To add one, write a function with `@hypothesis`, whose docstring says
what it does and where that comes from, and import it here; another package names the function as an
entry point of group ``apical.hypotheses``, under its own name. Give the decorator an example, the
neutral value, and the aspects of the scorecard that change: `apical.testing` holds it to them.
"""

from apical.hypotheses.backward import kolen_pollack as kolen_pollack
from apical.hypotheses.backward import sign_concordant as sign_concordant
from apical.hypotheses.backward import sign_only as sign_only
from apical.hypotheses.backward import weight_mirror as weight_mirror
from apical.hypotheses.declaration import HYPOTHESES as HYPOTHESES
from apical.hypotheses.declaration import Hypothesis as Hypothesis
from apical.hypotheses.declaration import hypothesis as hypothesis
from apical.hypotheses.during import class_incremental as class_incremental
from apical.hypotheses.during import lost_error_neurons as lost_error_neurons
from apical.hypotheses.during import redrawn_feedback as redrawn_feedback
from apical.hypotheses.errors import noisy_feedback as noisy_feedback
from apical.hypotheses.errors import partial_feedback as partial_feedback
from apical.hypotheses.errors import quantised_error as quantised_error
from apical.hypotheses.errors import thresholded_error as thresholded_error
from apical.hypotheses.errors import unsigned_error as unsigned_error
from apical.hypotheses.neurons import heterogeneity as heterogeneity
from apical.hypotheses.pathways import sparse_feedback as sparse_feedback
from apical.hypotheses.synapses import dale as dale
from apical.hypotheses.synapses import failing_synapses as failing_synapses
from apical.hypotheses.synapses import missing_synapses as missing_synapses
from apical.hypotheses.synapses import shared_weights as shared_weights
from apical.hypotheses.synapses import weights_of_bits as weights_of_bits
from apical.hypotheses.timing import delayed_feedback as delayed_feedback
from apical.hypotheses.timing import delayed_label as delayed_label
from apical.hypotheses.timing import online as online
