"""Projections (one-way synaptic connections), connectivity and weight initialisation.

Imports `neurons` and below. To add a weight distribution, derive one from `Weights` in
`weights.py`: how it is drawn from a named random stream. To add a connectivity, see
`connectivity.py`.
"""

from apical.projections.edges import Edges as Edges
from apical.projections.projection import Projection as Projection
from apical.projections.projection import ReadBackwards as ReadBackwards
from apical.projections.projection import SignsOf as SignsOf
from apical.projections.projection import TransposeOf as TransposeOf
