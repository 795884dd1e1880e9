"""Biological plausibility: an audit of locality, weight transport, Dale's law, update locking.

Learning is local if all information that a synapse uses is available at that synapse.

Imports `network` and below. To add an aspect, name it in `Aspect` (`neurons/facts.py`), give it a
`Criterion` in `criteria.py` and what is said where it does not apply in `whole.NOTHING`, and yield
a `Finding` for each subject from a function that `scorecard.audit` calls.
"""

from apical.neurons.facts import Aspect as Aspect
from apical.neurons.facts import Level as Level
from apical.plausibility.afterwards import JudgedScorecard as JudgedScorecard
from apical.plausibility.afterwards import judge as judge
from apical.plausibility.findings import ASPECTS as ASPECTS
from apical.plausibility.findings import Finding as Finding
from apical.plausibility.findings import Scorecard as Scorecard
from apical.plausibility.scorecard import audit as audit
from apical.plausibility.scorecard import check as check
