"""Dynamic locality check: perturb neurons, synapses, labels; test which updates change.

Imports `devices` and below. `synapses` runs all tests on each device; `whole` and `moments` perturb
(over a trial, and in single time steps), `causes` says what a difference may be caused by;
`causality` changes labels and later trials; `watching` compares what a script learns with
`apical.simulate`. To add a test, yield a `Fault` for each violation, and name the test in `report`.
"""

from apical.locality_check.synapses import disturb as disturb
