"""Biological plausibility: an audit of locality, weight transport, Dale's law, update locking.

Learning is local if all information that a synapse uses is available at that synapse.
"""

from apical.plausibility.afterwards import JudgedScorecard as JudgedScorecard
from apical.plausibility.afterwards import judge as judge
from apical.plausibility.findings import ASPECTS as ASPECTS
from apical.plausibility.findings import Aspect as Aspect
from apical.plausibility.findings import Finding as Finding
from apical.plausibility.findings import Level as Level
from apical.plausibility.findings import Scorecard as Scorecard
from apical.plausibility.scorecard import audit as audit
from apical.plausibility.scorecard import check as check
