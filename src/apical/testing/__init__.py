"""Contract suites (conformance tests) of populations, rules, wirings, hypotheses and others.

A package that registers objects by entry points checks all of them against their contracts in one
test:

    import pytest
    from apical.testing import cases

    @pytest.mark.parametrize("case", cases("my-package"), ids=str)
    def test_contract(case):
        case()

Imports `runs`, `export` and below. To add a contract, write a function with ``@contract(kind)`` in
the module of its kind, with a docstring that states what must hold; fail by `expect`.
"""

from apical.testing.contracts import Case as Case
from apical.testing.contracts import Contract as Contract
from apical.testing.contracts import cases as cases
from apical.testing.contracts import contracts as contracts
from apical.testing.contracts import expect as expect
from apical.testing.contracts import hold as hold
