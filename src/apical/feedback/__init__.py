"""Feedback wirings (BP, FA, DFA, IFA, DRTP, two phases): credit assignment by the third factor.

Imports `projections` and below. To add a wiring, write a function in `pathways.py` that takes the
error population and the forward projections and returns a `FeedbackPathway`, and name it in
`WIRINGS`.
"""

from apical.feedback.pathways import WIRINGS as WIRINGS
from apical.feedback.pathways import FeedbackPathway as FeedbackPathway
from apical.feedback.pathways import broadcast as broadcast
from apical.feedback.pathways import direct as direct
from apical.feedback.pathways import indirect as indirect
from apical.feedback.pathways import layerwise as layerwise
from apical.feedback.pathways import target_projection as target_projection
from apical.feedback.pathways import transposed as transposed
