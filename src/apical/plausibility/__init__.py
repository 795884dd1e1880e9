"""Audit a network: everything it learns from must be known where it is used."""

from apical.plausibility.findings import ASPECTS as ASPECTS
from apical.plausibility.findings import Aspect as Aspect
from apical.plausibility.findings import Finding as Finding
from apical.plausibility.findings import Level as Level
from apical.plausibility.findings import Scorecard as Scorecard
from apical.plausibility.scorecard import audit as audit
from apical.plausibility.scorecard import check as check
