"""Feedback wirings (BP, FA, DFA, GEVB, ...): credit assignment by the third factor.

Imports `projections` and below. To add a wiring, write a function in `pathways.py` that takes the
error population and the forward projections and returns a `FeedbackPathway`, and give it a `Wiring`
in `wirings.py`; another package names its `Wiring` as an entry point of group ``apical.wirings``.
"""

from apical.feedback.pathways import FeedbackPathway as FeedbackPathway
from apical.feedback.pathways import broadcast as broadcast
from apical.feedback.pathways import direct as direct
from apical.feedback.pathways import error_vector as error_vector
from apical.feedback.pathways import indirect as indirect
from apical.feedback.pathways import layerwise as layerwise
from apical.feedback.pathways import target_projection as target_projection
from apical.feedback.pathways import transposed as transposed
from apical.feedback.two_phase import two_phases as two_phases
from apical.feedback.wirings import WIRINGS as WIRINGS
from apical.feedback.wirings import Wiring as Wiring
